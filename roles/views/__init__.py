"""Pages of User Roles: the list with its changes, adding somebody, and "Why can X do Y?"."""
