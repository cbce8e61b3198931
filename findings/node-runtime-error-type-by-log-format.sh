#!/usr/bin/env bash
# AWS's Node.js runtime for Lambda logs an error that the handler does not catch, with its `errorType`. Expected: the same
# type in both log formats. Seen: for a denied `Invoke`, which is an error that the AWS SDK's model does not declare, the types
# differ. As text it is the error's name, `AccessDeniedException`. As JSON it is the name of its class,
# `LambdaServiceException`, the base class of all errors of the client. A metric filter or an alarm for
# `AccessDeniedException` goes silent when `AWS_LAMBDA_LOG_FORMAT` changes to `JSON`.
#
# Seen with aws-lambda-ric 3.3.0 and @aws-sdk/client-lambda 3.1164.0 on Node.js 20. It concerns functions that do not catch
# the SDK's errors. This script switches the runtime to its HTTP client in JavaScript. The native client would have to be
# compiled; nothing uses it here, but the runtime must be able to load it.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
printf '{"private": true}\n' > package.json
npm install --silent --no-audit --no-fund --ignore-scripts aws-lambda-ric@3.3.0 @aws-sdk/client-lambda@3.1164.0
mkdir node_modules/aws-lambda-ric/dist/rapid-client.node
printf 'module.exports = { initializeClient() {} };\n' > node_modules/aws-lambda-ric/dist/rapid-client.node/index.js

cat > clips.js <<'JAVASCRIPT'
const { LambdaClient, InvokeCommand } = require("@aws-sdk/client-lambda");
const client = new LambdaClient({});
exports.handler = () => client.send(new InvokeCommand({ FunctionName: "clip-cutter" }));
JAVASCRIPT
# Serves one event of the Runtime API and a denied Invoke, both on the loopback, and ends the runtime once it has answered.
cat > run.js <<'JAVASCRIPT'
const { spawn } = require("node:child_process");
const http = require("node:http");

const ERROR = /"errorType":"(.*?)"/;

function run(format) {
  return new Promise((resolve, reject) => {
    let given = false;
    let log = "";
    let reply;
    const server = http.createServer((request, response) => {
      let body = "";
      request.on("data", (chunk) => (body += chunk));
      request.on("end", () => {
        if (request.url.endsWith("/invocation/next")) {
          if (given) return;
          given = true;
          response.writeHead(200, {
            "Lambda-Runtime-Aws-Request-Id": "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
            "Lambda-Runtime-Deadline-Ms": String(Date.now() + 30_000),
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:281502313273:function:clips",
          });
          response.end("{}");
        } else if (request.url.endsWith("/invocations")) {
          response.writeHead(403, {
            "Content-Type": "application/json",
            "x-amzn-ErrorType": "AccessDeniedException",
          });
          response.end('{"Message": "not authorized to perform: lambda:InvokeFunction"}');
        } else {
          reply = body;
          response.writeHead(202).end();
        }
      });
    });
    server.listen(0, "127.0.0.1", () => {
      const here = `127.0.0.1:${server.address().port}`;
      const runtime = spawn(process.execPath, ["node_modules/aws-lambda-ric/bin/index.mjs", "clips.handler"], {
        env: {
          PATH: process.env.PATH,
          AWS_ACCESS_KEY_ID: "testing",
          AWS_SECRET_ACCESS_KEY: "testing",
          AWS_REGION: "us-east-1",
          AWS_ENDPOINT_URL: `http://${here}`,
          AWS_LAMBDA_RUNTIME_API: here,
          AWS_LAMBDA_NODEJS_USE_ALTERNATIVE_CLIENT_1: "true",
          AWS_LAMBDA_LOG_FORMAT: format,
          AWS_LAMBDA_FUNCTION_NAME: "clips",
          AWS_LAMBDA_FUNCTION_VERSION: "$LATEST",
          AWS_LAMBDA_FUNCTION_MEMORY_SIZE: "128",
          AWS_LAMBDA_LOG_GROUP_NAME: "/aws/lambda/clips",
          AWS_LAMBDA_LOG_STREAM_NAME: "stream",
          NODE_NO_WARNINGS: "1",
        },
        stdio: ["ignore", "pipe", "pipe"],
      });
      const timer = setTimeout(() => runtime.kill(), 30_000);
      for (const stream of [runtime.stdout, runtime.stderr]) {
        stream.on("data", (chunk) => {
          log += chunk;
          if (ERROR.test(log)) runtime.kill();
        });
      }
      runtime.on("close", () => {
        clearTimeout(timer);
        server.closeAllConnections();
        server.close();
        const found = ERROR.exec(log);
        if (found) resolve(found[1]);
        else reject(new Error(`no error in the log: ${log} ${reply}`));
      });
    });
  });
}

(async () => {
  for (const format of ["TEXT", "JSON"]) console.log(format, await run(format));
})();
JAVASCRIPT
cat > expected <<'TEXT'
TEXT AccessDeniedException
JSON LambdaServiceException
TEXT
node run.js | tee seen
diff expected seen
