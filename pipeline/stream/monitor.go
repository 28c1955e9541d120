package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// A client of JetStream cannot see when a server syncs, where it stores, or how
// many servers there are behind the one that answers. Their monitoring says so.
const (
	monitorEvery   = time.Minute
	monitorMostLen = 4 << 20 // bytes of an answer
)

// varz is what is read of a server's monitoring page /varz.
type varz struct {
	ID        string `json:"server_id"`
	Name      string `json:"server_name"`
	Version   string `json:"version"`
	JetStream struct {
		Config *struct {
			MaxStore   int64  `json:"max_storage"`
			StoreDir   string `json:"store_dir"`
			SyncAlways bool   `json:"sync_always"`
		} `json:"config"`
		Meta *struct {
			Name string `json:"name"` // of the cluster
			Size int    `json:"cluster_size"`
		} `json:"meta"`
	} `json:"jetstream"`
}

// checkServers asks the monitoring of every server and judges what they say. A
// server that does not answer is only passed over while most of the others do:
// one of three may be down, and promptness is to start all the same. It is
// looked at when it answers again.
func (c *Cluster) checkServers(ctx context.Context) error {
	urls := c.cfg.NATS.Monitor
	if len(urls) == 0 {
		return nil
	}
	seen, errs := make([]*varz, len(urls)), make([]error, len(urls))
	var all sync.WaitGroup
	for i, url := range urls {
		all.Go(func() { seen[i], errs[i] = c.ask(ctx, url) })
	}
	all.Wait()
	var answered []*varz
	var silent []error
	for i, url := range urls {
		if errs[i] != nil {
			silent = append(silent, &ClusterError{Refusal: RefusedMonitor, Server: url, Err: errs[i]})
			continue
		}
		if err := c.judge(seen[i]); err != nil {
			return err
		}
		answered = append(answered, seen[i])
	}
	if 2*len(answered) <= len(urls) {
		return errors.Join(silent...)
	}
	for _, err := range silent {
		c.log.WarnContext(ctx, "a server was not looked at", "err", err)
	}
	return c.judgeAll(answered, len(urls))
}

// lookServers is [Cluster.checkServers] for a program that runs: a server that
// was started again with other settings is found, and one of which nothing is
// known now keeps what was known of it.
func (c *Cluster) lookServers(ctx context.Context, was error) error {
	err := c.checkServers(ctx)
	if bad, ok := errors.AsType[*ClusterError](err); ok && bad.Refusal == RefusedMonitor {
		c.log.WarnContext(ctx, "the servers' monitoring does not answer", "err", err)
		return was
	}
	return err
}

// ask reads /varz of one server.
func (c *Cluster) ask(ctx context.Context, url string) (*varz, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(url, "/")+"/varz", nil)
	if err != nil {
		return nil, err
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("answered %s", res.Status)
	}
	return readVarz(io.LimitReader(res.Body, monitorMostLen))
}

func readVarz(r io.Reader) (*varz, error) {
	var v varz
	if err := json.NewDecoder(r).Decode(&v); err != nil {
		return nil, fmt.Errorf("read /varz: %w", err)
	}
	if v.ID == "" || v.Name == "" {
		return nil, errors.New("read /varz: it is not the page of a nats-server")
	}
	return &v, nil
}

// judge returns what is wrong with one server.
func (c *Cluster) judge(v *varz) error {
	bad := func(r Refusal, format string, a ...any) error {
		return &ClusterError{Refusal: r, Server: v.Name, Err: fmt.Errorf(format, a...)}
	}
	switch js := v.JetStream.Config; {
	case olderThan(v.Version, TestedServer):
		return bad(RefusedVersion, "runs nats-server %q, needed is %s or later", v.Version, TestedServer)
	case js == nil:
		return bad(RefusedStore, "has no JetStream")
	case !js.SyncAlways:
		return bad(RefusedSync, "answers before its disk has the bytes: sync_interval is not always")
	case lostByRestart(js.StoreDir):
		return bad(RefusedStore, "stores in %s, which a restart may empty", js.StoreDir)
	case js.MaxStore < int64(c.cfg.MaxBytes.sum()):
		return bad(RefusedStore, "stores at most %d bytes (max_file_store), less than the streams may take, %d", js.MaxStore, c.cfg.MaxBytes.sum())
	}
	return nil
}

// lostByRestart reports whether a directory's place tells that it does not
// last. Which file system it has, only its own machine knows.
func lostByRestart(dir string) bool {
	dir = filepath.Clean(dir)
	return dir == "/tmp/nats/jetstream" || // the default
		strings.HasPrefix(dir, "/dev/shm/") || strings.HasPrefix(dir, "/run/") || strings.HasPrefix(dir, "/var/run/")
}

// judgeAll returns what is wrong with the servers that answered, of so many that
// are named.
func (c *Cluster) judgeAll(all []*varz, named int) error {
	bad := func(format string, a ...any) error {
		return &ClusterError{Refusal: RefusedServers, Err: fmt.Errorf(format, a...)}
	}
	var ids []string
	for _, v := range all {
		if slices.Contains(ids, v.ID) {
			return bad("two addresses under monitor are of one server, %s", v.Name)
		}
		ids = append(ids, v.ID)
	}
	if c.cfg.Replicas == 1 && named == 1 {
		return nil
	}
	for _, v := range all {
		switch meta := v.JetStream.Meta; {
		case meta == nil:
			return bad("server %s is in no cluster", v.Name)
		case meta.Name != all[0].JetStream.Meta.Name:
			return bad("server %s is of cluster %q, server %s of %q", v.Name, meta.Name, all[0].Name, all[0].JetStream.Meta.Name)
		case meta.Size != named:
			return bad("server %s knows of %d servers in the cluster, monitor names %d", v.Name, meta.Size, named)
		}
	}
	if named < c.cfg.Replicas {
		return bad("the cluster has %d servers, and %d are to keep each stream", named, c.cfg.Replicas)
	}
	return nil
}
