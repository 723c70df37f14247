// One of the Node SDKs: the same flow as send.py. Ends with an error where the SDK sees one.
const [sdk, server] = process.argv.slice(2);

async function sensors() {
  const SensorsAnalytics = require('sa-sdk-node');
  const sa = new SensorsAnalytics();
  sa.submitTo({ url: `${server}/sa?project=sdks`, gzip: true, mode: 'track', timeout: 10000 });
  await sa.track('sn-visitor-1', 'WhitepaperDownload', { file: 'servo.pdf' });
  await sa.trackSignup('sn-user-1', 'sn-visitor-1', {});
  await sa.profileSet('sn-user-1', { phone: '13900000012', company: '示例机器人有限公司' });
  await new Promise((resolve) => setTimeout(resolve, 2000));
}

async function segment() {
  const { Analytics } = require('@segment/analytics-node');
  const client = new Analytics({ writeKey: 'sdk-write-key', host: server, maxRetries: 1 });
  let failed = null;
  client.on('error', (error) => { failed = error; });
  const [anonymousId, userId] = ['gn-visitor-1', 'gn-user-1'];
  client.page({ anonymousId, name: 'Pricing', properties: { url: 'https://www.shili.example/pricing' } });
  client.track({ anonymousId, event: 'Whitepaper Downloaded', properties: { title: 'Servo guide' } });
  client.identify({ anonymousId, userId, traits: { email: 'segment-node@shili.example', company: { name: 'Shili Robotics' } } });
  client.alias({ previousId: anonymousId, userId });
  client.screen({ userId, name: 'Home' });
  client.track({ userId, event: 'Demo Requested' });
  await client.closeAndFlush({ timeout: 10000 });
  if (failed) throw new Error(JSON.stringify(failed));
}

({ 'sensors-node': sensors, 'segment-node': segment })[sdk]().then(() => process.exit(0), (error) => {
  console.error(error);
  process.exit(1);
});
