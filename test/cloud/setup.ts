import { randomBytes } from 'node:crypto';
import { TokenIssuer } from '../token-issuer.ts';
import { makeAdministrator } from './administrator.ts';
import { accountEnvironment, bootstrap, connectionsEndpoint, deploy, print, type StackName } from './deploy.ts';
import { startEmulator } from './emulator.ts';
import { openFront } from './front.ts';
import { invokeFunction } from './functions.ts';

/** Deploys an open and a closed broker, once for all cloud tests, and takes it all down in the end. */
export default async function setup(): Promise<(() => Promise<void>) | undefined> {
  await using parts = new AsyncDisposableStack();
  const emulator = await startEmulator();
  if (!emulator) return undefined;
  parts.defer(emulator.stop);
  const { endpoint } = emulator;
  const issuer = await TokenIssuer.open();
  parts.defer(() => issuer.close());
  Object.assign(process.env, accountEnvironment(endpoint), { CIRRUSMQ_ISSUER_URL: issuer.url });
  await bootstrap(endpoint);
  const outputs = await deploy(endpoint, ['CirrusMQ', 'CirrusMQClosed']);
  const { CirrusMQ: open, CirrusMQClosed: closed } = outputs;

  const reach = async (name: StackName) => {
    for (const [output, value] of Object.entries(outputs[name])) print(`${name}.${output} = ${value}`);
    const front = await openFront({
      endpoint,
      httpApi: apiOf(outputs[name].Url),
      webSocketApi: apiOf(outputs[name].WebSocketUrl),
      connect: (event) => invokeFunction(name, 'connect', event),
    });
    parts.defer(front.close);
    print(`${name} is at ${front.url} and ${front.webSocketUrl}`);
    return front;
  };
  const openFrontDoor = await reach('CirrusMQ');
  const closedFrontDoor = await reach('CirrusMQClosed');
  const password = randomBytes(12).toString('hex');
  print(await makeAdministrator(closed.TablePrefix, 'admin', password));

  Object.assign(process.env, {
    TABLE_PREFIX: open.TablePrefix,
    CONNECTIONS_ENDPOINT: connectionsEndpoint(endpoint, apiOf(open.WebSocketUrl)),
    CIRRUSMQ_URL: openFrontDoor.url,
    CIRRUSMQ_WEBSOCKET_URL: openFrontDoor.webSocketUrl,
    CLOSED_URL: closedFrontDoor.url,
    CLOSED_WEBSOCKET_URL: closedFrontDoor.webSocketUrl,
    CIRRUSMQ_PASSWORD: password,
    CIRRUSMQ_ISSUER_KEY: JSON.stringify(await issuer.privateKey()),
  });
  const all = parts.move();
  return () => all.disposeAsync();
}

/** An API's id is the first label of its host. */
function apiOf(url: string): string {
  return new URL(url).hostname.split('.')[0] ?? '';
}
