// SPDX-License-Identifier: LGPL-2.1-or-later

// A kubelet by grpc-go as Debian has it, which dials as kubelets before 1.26 do: the path of the socket is the
// authority. kubelet FOLDER UNIT [UNIT...]: as kubelet.js.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
)

// Messages are bytes here, made and read by hand: field numbers alone matter.
type raw struct{ bytes []byte }
type codec struct{}

func (codec) Marshal(v interface{}) ([]byte, error) { return v.(*raw).bytes, nil }
func (codec) Unmarshal(data []byte, v interface{}) error {
	v.(*raw).bytes = append([]byte(nil), data...)
	return nil
}
func (codec) Name() string   { return "proto" }
func (codec) String() string { return "proto" }

func varint(data []byte) (uint64, int) {
	var value uint64
	for i, b := range data {
		value |= uint64(b&0x7f) << (7 * uint(i))
		if b < 0x80 {
			return value, i + 1
		}
	}
	panic("a varint without an end")
}

func put(number int, value []byte) []byte {
	out := []byte{byte(number<<3 | 2)}
	for n := len(value); ; n >>= 7 {
		if n < 0x80 {
			out = append(out, byte(n))
			break
		}
		out = append(out, byte(n&0x7f|0x80))
	}
	return append(out, value...)
}

// All values of a field, of kind bytes.
func fields(data []byte, number int) [][]byte {
	var found [][]byte
	for len(data) > 0 {
		tag, n := varint(data)
		data = data[n:]
		value, n := varint(data)
		data = data[n:]
		if tag&7 == 2 {
			if int(tag>>3) == number {
				found = append(found, data[:value])
			}
			data = data[value:]
		}
	}
	return found
}

func text(data []byte, number int) string {
	for _, value := range fields(data, number) {
		return string(value)
	}
	return ""
}

func fail(args ...interface{}) {
	fmt.Fprintln(os.Stderr, args...)
	os.Exit(1)
}

func dial(path string) *grpc.ClientConn {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	connection, err := grpc.DialContext(ctx, path, grpc.WithInsecure(), grpc.WithBlock(),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(codec{})),
		grpc.WithContextDialer(func(ctx context.Context, path string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		}))
	if err != nil {
		fail("dial:", err)
	}
	return connection
}

func call(connection *grpc.ClientConn, method string, request []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	answer := &raw{}
	err := connection.Invoke(ctx, "/v1beta1.DevicePlugin/"+method, &raw{request}, answer)
	return answer.bytes, err
}

func variables(container []byte) map[string]string {
	found := map[string]string{}
	for _, pair := range fields(container, 1) {
		found[text(pair, 1)] = text(pair, 2)
	}
	return found
}

func work(path string, units []string) {
	connection := dial(path)
	told := map[string]interface{}{}
	stream, err := connection.NewStream(context.Background(), &grpc.StreamDesc{ServerStreams: true},
		"/v1beta1.DevicePlugin/ListAndWatch")
	list := &raw{}
	if err == nil {
		err = stream.SendMsg(&raw{})
	}
	if err == nil {
		err = stream.CloseSend()
	}
	if err == nil {
		err = stream.RecvMsg(list)
	}
	if err != nil {
		fail("ListAndWatch:", err)
	}
	devices := []map[string]string{}
	for _, device := range fields(list.bytes, 1) {
		devices = append(devices, map[string]string{"ID": text(device, 1), "health": text(device, 2)})
	}
	told["devices"] = devices
	var request, available []byte
	for _, unit := range units {
		request = append(request, put(1, put(1, []byte(unit)))...)
		available = append(available, put(1, []byte(unit))...)
	}
	answer, err := call(connection, "Allocate", request)
	if err != nil {
		fail("Allocate:", err)
	}
	containers := []map[string]interface{}{}
	for _, container := range fields(answer, 1) {
		containers = append(containers, map[string]interface{}{"envs": variables(container)})
	}
	told["allocated"] = map[string]interface{}{"container_responses": containers}
	started := []map[string]string{}
	for _, unit := range units {
		if _, err := call(connection, "PreStartContainer", put(1, []byte(unit))); err != nil {
			fail("PreStartContainer:", err)
		}
		started = append(started, map[string]string{})
	}
	told["started"] = started
	_, err = call(connection, "Allocate", put(1, put(1, []byte("nothing"))))
	told["refused"] = map[string]interface{}{"code": int(status.Code(err)), "text": status.Convert(err).Message()}
	answer, err = call(connection, "GetPreferredAllocation", put(1, append(available, 3<<3, 1)))
	if err != nil {
		fail("GetPreferredAllocation:", err)
	}
	chosen := []string{}
	for _, id := range fields(fields(answer, 1)[0], 1) {
		chosen = append(chosen, string(id))
	}
	told["preferred"] = map[string]interface{}{"container_responses": []interface{}{map[string]interface{}{"deviceIDs": chosen}}}
	json.NewEncoder(os.Stdout).Encode(told)
	os.Exit(0)
}

func main() {
	folder, units := os.Args[1], os.Args[2:]
	register := func(_ interface{}, _ context.Context, decode func(interface{}) error, _ grpc.UnaryServerInterceptor) (interface{}, error) {
		request := &raw{}
		if err := decode(request); err != nil {
			return nil, err
		}
		path := filepath.Join(folder, text(request.bytes, 2))
		connection := dial(path)
		if _, err := call(connection, "GetDevicePluginOptions", nil); err != nil {
			fail("dial-back:", err)
		}
		connection.Close()
		go work(path, units)
		return &raw{}, nil
	}
	server := grpc.NewServer(grpc.CustomCodec(codec{}))
	server.RegisterService(&grpc.ServiceDesc{ServiceName: "v1beta1.Registration", HandlerType: (*interface{})(nil),
		Methods: []grpc.MethodDesc{{MethodName: "Register", Handler: register}}}, nil)
	listener, err := net.Listen("unix", filepath.Join(folder, "kubelet.sock"))
	if err != nil {
		fail(err)
	}
	time.AfterFunc(60*time.Second, func() { fail("nobody registered in time") })
	fail(server.Serve(listener))
}
