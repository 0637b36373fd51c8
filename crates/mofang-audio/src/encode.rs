//! Writes a sound file.

use crate::Waveform;

/// The sound as a WAV file of one channel and 16 bits; samples beyond [−1, 1] are clipped.
pub fn encode_wav(waveform: &Waveform) -> Vec<u8> {
    const HEADER_BYTES: u32 = 44;
    const SAMPLE_BYTES: u16 = 2;
    // A waveform is within limits that keep its size far below 4 GiB.
    let data_bytes = waveform.samples().len() as u32 * u32::from(SAMPLE_BYTES);
    let sample_rate = waveform.sample_rate();
    let mut bytes = Vec::with_capacity((HEADER_BYTES + data_bytes) as usize);
    bytes.extend(b"RIFF");
    bytes.extend((HEADER_BYTES - 8 + data_bytes).to_le_bytes());
    bytes.extend(b"WAVEfmt ");
    bytes.extend(16_u32.to_le_bytes());
    // PCM, one channel.
    bytes.extend(1_u16.to_le_bytes());
    bytes.extend(1_u16.to_le_bytes());
    bytes.extend(sample_rate.to_le_bytes());
    bytes.extend((sample_rate * u32::from(SAMPLE_BYTES)).to_le_bytes());
    bytes.extend(SAMPLE_BYTES.to_le_bytes());
    bytes.extend(16_u16.to_le_bytes());
    bytes.extend(b"data");
    bytes.extend(data_bytes.to_le_bytes());
    for sample in waveform.samples() {
        // Clipped by the conversion.
        let value = (sample * 32_768.0).round() as i16;
        bytes.extend(value.to_le_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode;

    #[test]
    fn what_was_written_is_read_back() {
        let samples = vec![0.0, 0.5, -0.5, -1.0, 0.25];
        let waveform = Waveform::new(44_100, samples).unwrap();
        assert_eq!(decode(&encode_wav(&waveform)).unwrap(), waveform);
        let loud = Waveform::new(8_000, vec![3.0, -3.0]).unwrap();
        let read = decode(&encode_wav(&loud)).unwrap();
        assert_eq!(read.samples(), [32_767.0 / 32_768.0, -1.0]);
    }
}
