// The peers that run on Node.js. One JSON object a line, each answered with one: first what they
// are set up with, then how many calls of which library on which form field are to be timed.

import { createInterface } from "node:readline";
import { performance } from "node:perf_hooks";
import nodeSaml from "@node-saml/node-saml";
import samlify from "samlify";

// Its documentation leaves the schema to a validator of one's own, or to none.
samlify.setSchemaValidator({ validate: () => Promise.resolve("skipped") });

const prepare = {
  "node-saml": (setup, shape) => {
    const saml = new nodeSaml.SAML({
      issuer: setup.sp,
      callbackUrl: setup.acs,
      idpIssuer: setup.idp,
      idpCert: setup.idpCertificate,
      wantAuthnResponseSigned: shape.bothSigned,
      wantAssertionsSigned: true,
      decryptionPvk: setup.privateKey,
    });
    return async (field) => {
      const { profile } = await saml.validatePostResponseAsync({ SAMLResponse: field });
      return profile.groups;
    };
  },

  samlify: (setup, shape) => {
    const idp = samlify.IdentityProvider({
      metadata: setup.idpMetadata,
      isAssertionEncrypted: shape.encrypted,
    });
    const sp = samlify.ServiceProvider({
      entityID: setup.sp,
      wantAssertionsSigned: true,
      wantMessageSigned: shape.bothSigned,
      encPrivateKey: setup.privateKey,
      assertionConsumerService: [
        { Binding: "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST", Location: setup.acs },
      ],
    });
    return async (field) => {
      const { extract } = await sp.parseLoginResponse(idp, "post", { body: { SAMLResponse: field } });
      return extract.attributes.groups;
    };
  },
};

const prepared = {};

async function timed(setup, { library, bothSigned, encrypted, field, calls }) {
  const name = [library, bothSigned, encrypted].join();
  prepared[name] ??= prepare[library](setup, { bothSigned, encrypted });
  const verify = prepared[name];
  const times = [];
  let groups;
  for (let call = 0; call < calls; call++) {
    const began = performance.now();
    groups = await verify(field);
    times.push((performance.now() - began) / 1000);
  }
  return { times, groups: groups.length };
}

let setup;
for await (const line of createInterface({ input: process.stdin })) {
  const question = JSON.parse(line);
  let answer = {};
  if (setup === undefined) {
    setup = question;
  } else {
    answer = await timed(setup, question).catch((error) => ({ refused: error.message }));
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
