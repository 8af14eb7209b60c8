"""The pages' one kit: lists, answers (page, dialog, fragment), words for numbers and times, icons. It knows no app."""
