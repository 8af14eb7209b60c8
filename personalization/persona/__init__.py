"""Personal panels: what one is made of, how it is read, changed tile by tile, and who may reach it."""
