"""Codec: EnCodec as a stream, receptive field, LSTM."""
