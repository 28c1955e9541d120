package natstest

import (
	"fmt"
	"os"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
)

// childConf names, in the environment of a child, the configuration file of the
// server that it is.
const childConf = "PROMPTNESS_NATSTEST_CONF"

// Main is a TestMain: it runs the tests, or the server if this process is one.
func Main(m *testing.M) {
	Child()
	os.Exit(m.Run())
}

// Child runs the server, and does not return, if this process was started to be
// one. Else it does nothing.
func Child() {
	file, ok := os.LookupEnv(childConf)
	if !ok {
		return
	}
	if err := serve(file); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// serve runs the server of a configuration file until a signal ends it.
func serve(file string) error {
	opts, err := server.ProcessConfigFile(file)
	if err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	s, err := server.NewServer(opts)
	if err != nil {
		return fmt.Errorf("make server of %s: %w", file, err)
	}
	s.ConfigureLogger()
	s.Start()
	s.WaitForShutdown()
	return nil
}
