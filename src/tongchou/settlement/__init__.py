"""Real-time settlement: bills split, settled, reversed, recomputed and replayed (floor 5)."""
