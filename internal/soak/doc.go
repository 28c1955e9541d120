// Package soak holds one test: three nats-servers and two promptness of each
// role under load, while a script of faults that a seed decides kills, stops,
// cuts off and fills them; at the end the record must equal what a naive model
// makes of the signals that were acknowledged. There is nothing in it to call.
//
//	make soak                     # 20 minutes
//	make soak SOAK=1h SEED=7      # an hour of one seed
//	go test ./internal/soak       # two minutes, as in make test
//
// A run that fails prints its seed, the script and where the logs of all
// processes are kept. The same seed gives the same script and the same load;
// what they meet differs from run to run, as processes do.
//
// It needs a small disk that can be full, so it mounts a tmpfs: as root with
// CAP_SYS_ADMIN, or else in a user namespace of its own (unshare -Urm).
package soak
