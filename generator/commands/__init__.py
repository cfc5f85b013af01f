"""The commands of the generator, one file a group; `toile.COMMANDS` names them."""
