"""What theory says of subset sums of random integers: exact moments, asymptotics, bounds, measured rates.

Source of all statements: A. Kumar and E. Natale, "Quantization vs Pruning: Insights from the Strong Lottery Ticket
Hypothesis", arXiv:2508.11020, and for the number partitioning problem C. Borgs, J. Chayes and B. Pittel, "Phase
transition and finite-size scaling for the integer partitioning problem", Random Structures and Algorithms 19 (2001).
"""
