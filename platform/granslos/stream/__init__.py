"""JetStream: the LOG. Atomic batches with a chain check, ordered gapless reading. Nothing else here knows subjects of `$JS`."""
