// Package natstest runs real nats-servers for a test, each a process of its own
// with its own store, alone or as a cluster; they are killed, stopped, cut off
// and started again as it says, and none outlives the test. It speaks no word of
// the domain and makes no stream.
//
// A server is the test binary executed again, so the test's package must give
// it the way in:
//
//	func TestMain(m *testing.M) { natstest.Main(m) }
//
// or, where TestMain has more to do, natstest.Child() as its first line.
package natstest
