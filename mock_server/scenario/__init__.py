"""Everything that can vary in a simulation, and the values in force at a moment."""
