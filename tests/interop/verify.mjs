// Checks the signature of a Sigstore bundle with sigstore's own packages and one public key, and nothing else.
//
//     node verify.mjs BUNDLE.json PUBLIC_KEY.pem
//
// The key is known under its OpenSSH fingerprint, which the bundle has to name. There is no transparency log and no
// timestamp, so none is asked for: all thresholds are 0. Prints the key id, and what was signed about what.

import { createHash, createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { bundleFromJSON } from '@sigstore/bundle';
import { toSignedEntity, toTrustMaterial, Verifier } from '@sigstore/verify';

const NO_AUTHORITIES = { certificateAuthorities: [], timestampAuthorities: [], tlogs: [], ctlogs: [] };
const NOTHING_BESIDES = { ctlogThreshold: 0, tlogThreshold: 0, timestampThreshold: 0 };
const STATEMENT = 'application/vnd.in-toto+json';

function fingerprint(key) {
  const raw = Buffer.from(key.export({ format: 'jwk' }).x, 'base64url');
  const start = Buffer.from('\0\0\0\x0bssh-ed25519\0\0\0\x20', 'latin1');
  return `SHA256:${createHash('sha256').update(start).update(raw).digest('base64').replace(/=+$/, '')}`;
}

function verify(bundlePath, keyPath) {
  const key = createPublicKey(readFileSync(keyPath));
  if (key.asymmetricKeyType !== 'ed25519') throw new Error(`expected an Ed25519 key, found ${key.asymmetricKeyType}`);
  const keys = { [fingerprint(key)]: { rawBytes: key.export({ format: 'der', type: 'spki' }) } };
  const bundle = bundleFromJSON(JSON.parse(readFileSync(bundlePath, 'utf8')));
  if (bundle.content.$case !== 'dsseEnvelope') throw new Error('expected a bundle with a DSSE envelope');
  const envelope = bundle.content.dsseEnvelope;
  if (envelope.payloadType !== STATEMENT) throw new Error(`expected ${STATEMENT}, found ${envelope.payloadType}`);
  new Verifier(toTrustMaterial(NO_AUTHORITIES, keys), NOTHING_BESIDES).verify(toSignedEntity(bundle));
  return { keyId: Object.keys(keys)[0], statement: JSON.parse(envelope.payload.toString('utf8')) };
}

try {
  const [bundlePath, keyPath] = process.argv.slice(2);
  if (keyPath === undefined) throw new Error('usage: node verify.mjs BUNDLE.json PUBLIC_KEY.pem');
  const { keyId, statement } = verify(bundlePath, keyPath);
  const [subject] = statement.subject;
  console.log(`signed by ${keyId}: ${statement.predicateType}`);
  console.log(`about ${subject.name}, sha256 ${subject.digest.sha256}`);
} catch (error) {
  console.error(`verify: ${error.message}`);
  process.exit(1);
}
