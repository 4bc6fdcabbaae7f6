# Man pages and shell completions, printed by seep itself from its option tables.
