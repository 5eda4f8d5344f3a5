// Sound of the microphone at 16 kHz, int16, in blocks of 0.1 s: made on the audio thread, whatever rate the device has.

const RATE_HZ = 16000;
const BLOCK = RATE_HZ / 10;
const HALF_PERIODS = 16; // zero crossings of the sinc to each side: 90 dB with the Blackman window

const divisor = (a, b) => (b ? divisor(b, a % b) : a);

/** Filter banks of a rational resampler: one windowed sinc for each phase (Crochiere & Rabiner 1983, chapter 2). */
function phases(up, down) {
  const stretch = Math.max(1, down / up); // the pass band ends at the lower of the two Nyquist frequencies
  const half = Math.ceil(HALF_PERIODS * stretch);
  const banks = [];
  for (let phase = 0; phase < up; phase += 1) {
    const bank = new Float32Array(2 * half);
    let sum = 0;
    for (let tap = 0; tap < 2 * half; tap += 1) {
      const distance = tap - half + 1 - phase / up;
      const angle = (Math.PI * distance) / stretch;
      const place = (distance + half) / (2 * half);
      const window = 0.42 - 0.5 * Math.cos(2 * Math.PI * place) + 0.08 * Math.cos(4 * Math.PI * place);
      bank[tap] = (angle === 0 ? 1 : Math.sin(angle) / angle) * Math.max(0, window);
      sum += bank[tap];
    }
    for (let tap = 0; tap < 2 * half; tap += 1) bank[tap] /= sum;
    banks.push(bank);
  }
  return { banks, half };
}

class Microphone extends AudioWorkletProcessor {
  constructor() {
    super();
    const common = divisor(Math.round(sampleRate), RATE_HZ);
    this.up = RATE_HZ / common;
    this.down = Math.round(sampleRate) / common;
    Object.assign(this, phases(this.up, this.down));
    this.held = new Float32Array(2 * this.half); // input not yet passed by the filter
    this.phase = 0;
    this.block = new Int16Array(BLOCK);
    this.filled = 0;
    this.energy = 0;
  }

  process([input]) {
    if (!input.length) return true;
    const length = input[0].length;
    const samples = new Float32Array(this.held.length + length);
    samples.set(this.held);
    for (const channel of input)
      for (let place = 0; place < length; place += 1) samples[this.held.length + place] += channel[place] / input.length;
    let start = 0;
    const taps = 2 * this.half;
    while (start + taps <= samples.length) {
      const bank = this.banks[this.phase];
      let value = 0;
      for (let tap = 0; tap < taps; tap += 1) value += bank[tap] * samples[start + tap];
      this.keep(Math.max(-1, Math.min(1, value)));
      this.phase += this.down;
      start += Math.floor(this.phase / this.up);
      this.phase %= this.up;
    }
    this.held = samples.slice(start);
    return true;
  }

  keep(value) {
    this.block[this.filled] = Math.round(32767 * value);
    this.energy += value * value;
    this.filled += 1;
    if (this.filled < BLOCK) return;
    this.port.postMessage({ samples: this.block, level: Math.sqrt(this.energy / BLOCK) });
    this.block = new Int16Array(BLOCK);
    this.filled = 0;
    this.energy = 0;
  }
}

registerProcessor("microphone", Microphone);
