/** Leads the tests of a project to the broker that is closed. */
const { CLOSED_URL, CLOSED_WEBSOCKET_URL } = process.env;
if (CLOSED_URL && CLOSED_WEBSOCKET_URL) {
  Object.assign(process.env, { CIRRUSMQ_URL: CLOSED_URL, CIRRUSMQ_WEBSOCKET_URL: CLOSED_WEBSOCKET_URL });
}
