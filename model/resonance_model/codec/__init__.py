"""Codec: EnCodec as a stream, its receptive field, and its LSTM."""
