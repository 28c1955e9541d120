package stream_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
)

const childDir = "PROMPTNESS_STREAM_TEST_CHILD"

func child(dir string) { _ = dir }

type counter struct{ n atomic.Int64 }

func (c *counter) next() int64 { return c.n.Add(1) }

// fill puts n different signals of 1 KiB with so many callers.
func fill(t testing.TB, st *stream.Store, n, callers int) {
	t.Helper()
	var next counter
	pad := strings.Repeat(" ", 1000)
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for i := next.next(); i <= int64(n); i = next.next() {
				if _, err := st.Put(context.Background(), webhookSignal(fmt.Sprintf("%d%s", i, pad))); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}
