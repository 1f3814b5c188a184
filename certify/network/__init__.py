"""What a quantized network is: model, exact arithmetic, reading and writing `certify.network/1`."""
