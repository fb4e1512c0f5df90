"""The ways of delivery: one provider a file. No Faust here."""
