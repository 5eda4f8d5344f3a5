// The microphone's sound, block by block, from the audio thread.

/** Listen to a stream; `heard` gets {samples: Int16Array at 16 kHz, level: root mean square}. */
export async function openMicrophone(stream, heard) {
  const context = new AudioContext();
  await context.audioWorklet.addModule("/static/microphone-worklet.js");
  const source = context.createMediaStreamSource(stream);
  const node = new AudioWorkletNode(context, "microphone", { numberOfInputs: 1, numberOfOutputs: 1 });
  const silent = new GainNode(context, { gain: 0 }); // a node that leads nowhere may never be run
  node.port.onmessage = ({ data }) => heard(data);
  source.connect(node).connect(silent).connect(context.destination);
  await context.resume();
  return {
    close() {
      node.port.onmessage = null;
      source.disconnect();
      context.close();
    },
  };
}
