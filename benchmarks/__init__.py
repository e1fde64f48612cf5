"""How fast mlplib is, beside what its matrix products cost and beside what a user might pick instead."""
