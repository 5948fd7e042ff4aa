import { accountEnvironment, bootstrap, connectionsEndpoint, deploy, print } from './deploy.ts';
import { startEmulator } from './emulator.ts';
import { openFront } from './front.ts';

/** Deploys the broker once for all cloud tests, and takes it all down in the end. */
export default async function setup(): Promise<(() => Promise<void>) | undefined> {
  const emulator = await startEmulator();
  if (!emulator) return undefined;
  const { endpoint } = emulator;
  try {
    await bootstrap(endpoint);
    const outputs = await deploy(endpoint);
    for (const [name, value] of Object.entries(outputs)) print(`${name}: ${value}`);
    const webSocketApi = apiOf(outputs.WebSocketUrl);
    const front = await openFront(endpoint, apiOf(outputs.Url), webSocketApi);
    Object.assign(process.env, accountEnvironment(endpoint), {
      CONNECTIONS_ENDPOINT: connectionsEndpoint(endpoint, webSocketApi),
      CIRRUSMQ_URL: front.url,
      CIRRUSMQ_WEBSOCKET_URL: front.webSocketUrl,
    });
    print(`CIRRUSMQ_URL=${front.url} CIRRUSMQ_WEBSOCKET_URL=${front.webSocketUrl}`);
    return async () => {
      await front.close();
      await emulator.stop();
    };
  } catch (error) {
    await emulator.stop();
    throw error;
  }
}

/** An API's id is the first label of its host. */
function apiOf(url: string): string {
  return new URL(url).hostname.split('.')[0] ?? '';
}
