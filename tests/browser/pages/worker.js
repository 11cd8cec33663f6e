const worker = new Worker('worker-thread.js', { type: 'module' });

window.outcome = new Promise((resolve, reject) => {
  worker.onmessage = ({ data }) => resolve(data);
  worker.onerror = (event) => reject(new Error(event.message ?? 'the Worker did not start'));
}).finally(() => worker.terminate());
