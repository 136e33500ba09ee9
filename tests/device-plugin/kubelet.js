// SPDX-License-Identifier: LGPL-2.1-or-later
// A kubelet by @grpc/grpc-js: kubelet.js FOLDER UNIT [UNIT...]. Registers the plugin after it dialled back, follows its
// list, allocates the units one by one, has each made ready, and prints what it was told as JSON.
"use strict";
const fs = require("fs");
const path = require("path");
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

const [folder, ...units] = process.argv.slice(2);
const proto = grpc.loadPackageDefinition(loader.loadSync(path.join(__dirname, "kubelet.proto"),
	{ keepCase: true, defaults: true, longs: Number })).v1beta1;

function fail(text) {
	console.error(text);
	process.exit(1);
}

function call(client, method, request) {
	return new Promise((done) => client[method](request, (error, answer) => done(
		error ? { code: error.code, text: error.details } : answer)));
}

async function work(endpoint) {
	const client = new proto.DevicePlugin("unix:" + path.join(folder, endpoint), grpc.credentials.createInsecure());
	const told = {};
	const stream = client.ListAndWatch({});
	stream.on("error", () => {});
	await new Promise((done) => stream.on("data", (list) => {
		told.devices = list.devices;
		done();
	}));
	told.allocated = await call(client, "Allocate", { container_requests: units.map((unit) => ({ devicesIDs: [unit] })) });
	told.started = [];
	for (const unit of units)
		told.started.push(await call(client, "PreStartContainer", { devicesIDs: [unit] }));
	told.refused = await call(client, "Allocate", { container_requests: [{ devicesIDs: ["nothing"] }] });
	told.preferred = await call(client, "GetPreferredAllocation",
		{ container_requests: [{ available_deviceIDs: units, allocation_size: 1 }] });
	fs.writeSync(1, JSON.stringify(told) + "\n");
	process.exit(0);
}

const server = new grpc.Server();
server.addService(proto.Registration.service, {
	Register(request, answer) {
		const { endpoint } = request.request;
		const client = new proto.DevicePlugin("unix:" + path.join(folder, endpoint), grpc.credentials.createInsecure());
		client.GetDevicePluginOptions({}, (error, options) => {
			if (error)
				fail("dial-back: " + error.message);
			answer(null, {});
			work(endpoint).catch((e) => fail(String(e)));
		});
	},
});
server.bindAsync("unix:" + path.join(folder, "kubelet.sock"), grpc.ServerCredentials.createInsecure(), (error) => {
	if (error)
		fail(String(error));
});
setTimeout(() => fail("nobody registered in time"), 60000);
