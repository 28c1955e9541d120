package stream

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/ministryofjustice/incident-promptness/incident"
)

var update = flag.Bool("update", false, "write the golden files")

var frameCmp = cmp.Options{cmp.AllowUnexported(frameSignal{}, evidenceRef{}), cmpopts.EquateEmpty()}

// encodeFrame is what the committer does, without it.
func encodeFrame(signals []frameSignal) []byte {
	var b []byte
	for i := range signals {
		b = appendSignal(b, &signals[i])
	}
	return b
}

// goldenSignals has every field set at least once and left out at least once.
func goldenSignals() []frameSignal {
	received := time.Date(2026, 3, 29, 0, 59, 59, 123456789, time.UTC)
	signals := []frameSignal{
		{Signal: incident.Signal{
			Source: "siem", Channel: incident.ChannelWebhook, Received: received,
			Auth: incident.AuthBearer, Raw: []byte(`{"title":"lost laptop"}`),
		}},
		{Signal: incident.Signal{
			Source: "ost-mailbox", Channel: incident.ChannelEmail, Received: received.Truncate(time.Second),
			Stamped: received.Add(-time.Hour), Auth: incident.AuthMail, Raw: []byte("Subject: x\r\n\r\n{\"v\":1,\n"),
		}},
		{Signal: incident.Signal{
			Source: "desk", Channel: incident.ChannelManual, Received: received, Auth: incident.AuthOwner,
			Author: "QX71", Role: incident.RoleManager, Raw: nil,
		}},
		{Signal: incident.Signal{
			Source: "ost-mailbox", Channel: incident.ChannelEmail, Received: received, Auth: incident.AuthMail,
			Stub: "marked_secret", Raw: []byte("stub"),
		}},
		{
			Signal: incident.Signal{
				Source: "slack", Channel: incident.ChannelSlack, Received: received, Auth: incident.AuthHMAC,
			},
			evidence: &evidenceRef{name: strings.Repeat("ab", 32), length: 734003200, sha: incident.Digest{1, 2, 3}},
		},
	}
	for i := range signals {
		s := &signals[i]
		s.ID = incident.NewSignalID(s.Source, s.Raw)
		s.index = -1
		for j := range s.salt {
			s.salt[j] = byte(i*32 + j)
		}
	}
	return signals
}

func TestFrameV1IsWhatItWasWhenItWasWritten(t *testing.T) {
	const golden = "testdata/frame_v1.txt"
	want := goldenSignals()
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, encodeFrame(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(file), string(encodeFrame(want))); diff != "" {
		t.Errorf("encoded (-golden +now):\n%s", diff)
	}
	got, err := decodeFrame(file, false)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, frameCmp); diff != "" {
		t.Errorf("decoded (-want +got):\n%s", diff)
	}
}

// signedSignals are mails whose signatures were verified: lines of version 2.
func signedSignals() []frameSignal {
	mail := goldenSignals()[1]
	mail.DKIM = []incident.DKIMResult{{Domain: "example.org", Selector: "s-1._x", Result: incident.DKIMPass}}
	five := goldenSignals()[4]
	five.DKIM = []incident.DKIMResult{
		{Domain: "example.org", Selector: "a", Result: incident.DKIMFail},
		{Domain: "example.org", Selector: "b", Result: incident.DKIMTempError},
		{Domain: "desk.example.org", Selector: "c", Result: incident.DKIMPermError},
		{Domain: "list.invalid", Selector: "d", Result: incident.DKIMPolicy},
		{Result: incident.DKIMPermError},
	}
	stub := goldenSignals()[3]
	stub.Author, stub.Role = "QX71", incident.RoleDesk
	stub.DKIM = []incident.DKIMResult{{Domain: "example.org", Selector: "s", Result: incident.DKIMPolicy}}
	return []frameSignal{mail, goldenSignals()[0], five, stub}
}

func TestFrameV2IsWhatItWasWhenItWasWritten(t *testing.T) {
	const golden = "testdata/frame_v2.txt"
	want := signedSignals()
	if *update {
		if err := os.WriteFile(golden, encodeFrame(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(file), string(encodeFrame(want))); diff != "" {
		t.Errorf("encoded (-golden +now):\n%s", diff)
	}
	got, err := decodeFrame(file, false)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, frameCmp); diff != "" {
		t.Errorf("decoded (-want +got):\n%s", diff)
	}
}

// A release that knows version 1 only must say that a newer one wrote the line,
// not that it is damaged; and a line has one form only.
func TestAVersionStandsForItsFieldsAlone(t *testing.T) {
	signed, plain := signedSignals()[:1], goldenSignals()[:1]
	for _, tt := range []struct {
		name     string
		frame    []byte
		old, new string
		want     string
	}{
		{"version 1 with dkim", encodeFrame(signed), `{"v":2,`, `{"v":1,`, "canonical"},
		{"version 2 without dkim", encodeFrame(plain), `{"v":1,`, `{"v":2,`, "canonical"},
		{"an empty list", encodeFrame(plain), `,"salt"`, `,"dkim":[],"salt"`, "want"},
		{"an unknown result", encodeFrame(signed), `"r":"pass"`, `"r":"good"`, "dkim"},
		{"a name in capitals", encodeFrame(signed), `"d":"example.org"`, `"d":"Example.org"`, "dkim"},
		{"a name that is too long", encodeFrame(signed), `"d":"example.org"`, `"d":"` + strings.Repeat("a", incident.MaxDKIMName) + `"`, "dkim"},
		{"six results", encodeFrame(signed), `"r":"pass"}`, `"r":"pass"}` + strings.Repeat(`,{"d":"a","s":"b","r":"pass"}`, 5), "fewer results"},
		{"a list without end", encodeFrame(signed), `"r":"pass"}]`, `"r":"pass"}`, "want"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if n := bytes.Count(tt.frame, []byte(tt.old)); n != 1 {
				t.Fatalf("%q stands %d times in the frame, want once", tt.old, n)
			}
			_, err := decodeFrame(bytes.Replace(tt.frame, []byte(tt.old), []byte(tt.new), 1), false)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("decodeFrame = %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestTheLongestLineLeavesRoomForTheLargestInlineBytes(t *testing.T) {
	s := goldenSignals()[4]
	s.index = MaxFrameSignals - 1
	s.Source = incident.SourceName(strings.Repeat("s", 40))
	s.Author, s.Stub = strings.Repeat("a", maxAuthor), strings.Repeat("b", maxAuthor)
	s.Stamped, s.Role = s.Received, incident.RoleManager
	for range incident.MaxDKIM {
		s.DKIM = append(s.DKIM, incident.DKIMResult{Domain: strings.Repeat("d", incident.MaxDKIMName), Result: incident.DKIMTempError})
	}
	if err := s.check(); err != nil {
		t.Fatal(err)
	}
	if got, room := len(appendLine(nil, &s))+2, MaxFrameBytes-MaxInline; got > room {
		t.Errorf("the longest line has %d bytes, room is for %d", got, room)
	}
}

func TestLineIsJSONWithTheDocumentedFields(t *testing.T) {
	for _, s := range append(goldenSignals(), signedSignals()...) {
		var got map[string]any
		if err := json.Unmarshal(appendLine(nil, &s), &got); err != nil {
			t.Fatalf("line of %s: %v", s.Source, err)
		}
		for _, field := range []string{"v", "id", "source", "channel", "time", "auth", "salt", "len"} {
			if _, ok := got[field]; !ok {
				t.Errorf("line of %s lacks field %q", s.Source, field)
			}
		}
	}
}

func TestFramesThatAreRefused(t *testing.T) {
	whole := encodeFrame(goldenSignals()[:1])
	edit := func(old, new string) []byte {
		t.Helper()
		if n := bytes.Count(whole, []byte(old)); n != 1 {
			t.Fatalf("%q stands %d times in the frame, want once", old, n)
		}
		return bytes.Replace(whole, []byte(old), []byte(new), 1)
	}
	for _, tt := range []struct {
		name     string
		frame    []byte
		replaced bool
		want     string
	}{
		{"empty", nil, false, "empty"},
		{"newer version", edit(`{"v":1,`, `{"v":3,`), false, "version 3"},
		{"cut in the line", whole[:40], false, "byte"},
		{"cut in the raw bytes", whole[:len(whole)-3], false, "raw bytes"},
		{"last newline missing", whole[:len(whole)-1], false, "raw bytes"},
		{"longer than it says", edit(`"len":23`, `"len":22`), false, "raw bytes"},
		{"white space", edit(`"v":1,`, `"v":1, `), false, "want"},
		{"leading zero", edit(`"len":23`, `"len":023`), false, "canonical"},
		{"upper-case id", edit(`"id":"ea4c`, `"id":"EA4C`), false, "canonical"},
		{"unknown channel", edit(`"webhook"`, `"pigeon"`), false, "channel"},
		{"unknown authentication", edit(`"bearer"`, `"honest"`), false, "authentication"},
		{"bad source name", edit(`"siem"`, `"SIEM"`), false, "source name"},
		{"time with an offset", edit(`59.123456789Z`, `59.123456789+01:00`), false, "canonical"},
		{"time with a trailing zero", edit(`59.123456789Z`, `59.12345678Z0`), false, "time"},
		{"salt too short", edit(`"salt":"AAE`, `"salt":"`), false, "base64url"},
		{"index without header", edit(`{"v":1,`, `{"v":1,"index":3,`), false, "index"},
		{"header without index", whole, true, "index"},
		{"evidence and raw bytes", edit(`"len":23}`, `"len":23,"evidence":{"name":"a","len":1,"sha256":"`+strings.Repeat("A", 43)+`"}}`), false, "evidence"},
		{"too large", make([]byte, MaxFrameBytes+1), false, "512 KiB"},
		{"too many", bytes.Repeat(whole, MaxFrameSignals+1), false, "500"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := decodeFrame(tt.frame, tt.replaced)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("decodeFrame = %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestChangedBytesDoNotVerify(t *testing.T) {
	s := goldenSignals()[0]
	if _, err := s.verify(s.Raw); err != nil {
		t.Fatalf("verify of what was stored: %v", err)
	}
	changed := bytes.Clone(s.Raw)
	changed[0] ^= 1
	if _, err := s.verify(changed); err == nil {
		t.Error("verify accepted changed bytes")
	}
}

func TestAnySignalSurvivesEncodingAndDecoding(t *testing.T) {
	names := rapid.StringMatching(`[a-z0-9-]{1,40}`)
	words := rapid.StringMatching(`[ !#-\[\]-~]{0,40}`)
	instants := rapid.Custom(func(t *rapid.T) time.Time {
		return time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "s"), rapid.Int64Range(0, 999999999).Draw(t, "ns")).UTC()
	})
	rapid.Check(t, func(t *rapid.T) {
		replaced := rapid.Bool().Draw(t, "replaced")
		want := make([]frameSignal, rapid.IntRange(1, 8).Draw(t, "n"))
		for i := range want {
			s := &want[i]
			s.Source = incident.SourceName(names.Draw(t, "source"))
			s.Channel = rapid.SampledFrom(incident.Channels()).Draw(t, "channel")
			s.Received = instants.Draw(t, "received")
			if rapid.Bool().Draw(t, "stamped") {
				s.Stamped = instants.Draw(t, "stamp")
			}
			s.Auth = rapid.SampledFrom([]incident.Auth{incident.AuthNone, incident.AuthBasic, incident.AuthOwner}).Draw(t, "auth")
			s.Author, s.Stub = words.Draw(t, "author"), words.Draw(t, "stub")
			s.Role = rapid.SampledFrom([]incident.Role{"", incident.RoleDesk, incident.RoleManager}).Draw(t, "role")
			for range rapid.IntRange(0, incident.MaxDKIM).Draw(t, "signatures") {
				s.DKIM = append(s.DKIM, incident.DKIMResult{
					Domain:   rapid.StringMatching(`[a-z0-9._-]{0,40}`).Draw(t, "domain"),
					Selector: rapid.StringMatching(`[a-z0-9._-]{0,40}`).Draw(t, "selector"),
					Result:   rapid.SampledFrom(incident.DKIMs()).Draw(t, "result"),
				})
			}
			s.Raw = rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "raw")
			s.ID = incident.NewSignalID(s.Source, s.Raw)
			s.salt = newSalt()
			s.index = -1
			if replaced {
				s.index = rapid.IntRange(0, MaxFrameSignals-1).Draw(t, "index")
			}
			if err := s.check(); err != nil {
				t.Fatal(err)
			}
		}
		got, err := decodeFrame(encodeFrame(want), replaced)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, frameCmp); diff != "" {
			t.Errorf("(-encoded +decoded):\n%s", diff)
		}
	})
}

func FuzzDecodeFrame(f *testing.F) {
	all := goldenSignals()
	f.Add(encodeFrame(all), false)
	f.Add(encodeFrame(signedSignals()), false)
	for i := range all {
		f.Add(encodeFrame(all[i:i+1]), false)
		all[i].index = 7 * i
	}
	f.Add(encodeFrame(all), true)
	f.Fuzz(func(t *testing.T, b []byte, replaced bool) {
		signals, err := decodeFrame(b, replaced)
		if err != nil {
			return
		}
		if again := encodeFrame(signals); !bytes.Equal(again, b) {
			t.Errorf("decoded and encoded again:\n%q\nwant\n%q", again, b)
		}
	})
}
