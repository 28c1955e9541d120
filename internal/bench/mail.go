package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/email"
)

// plainMail is a mail as Exchange delivers one that a person has typed.
const plainMail = `Received: from out.example.org (out.example.org [192.0.2.7])
	by mx.example.org (Postfix) with ESMTPS id 4F7K2Q
	for <reports@example.org>; Mon, 23 Nov 2026 10:20:00 +0000 (GMT)
Authentication-Results: mx.example.org; dkim=pass header.d=example.org;
	spf=pass smtp.mailfrom=example.org; dmarc=pass header.from=example.org
Received: from mbx1.example.org (192.0.2.8) by mbx2.example.org (192.0.2.9)
	with Microsoft SMTP Server (version=TLS1_2) id 15.20.9412.5; Mon, 23 Nov 2026 10:19:58 +0000
Received: from mbx1.example.org ([192.0.2.8]) by mbx1.example.org ([192.0.2.8])
	with mapi id 15.20.9412.5; Mon, 23 Nov 2026 10:19:57 +0000
From: "Reporter, Jo" <jo@example.org>
To: Reports <reports@example.org>
CC: Al <al@example.org>
Subject: Lost laptop at the county court
Thread-Topic: Lost laptop at the county court
Thread-Index: Adxc4Zq1example1example1example==
Date: Mon, 23 Nov 2026 10:19:57 +0000
Message-ID: <AM0PR01MB%d@mbx1.example.org>
Accept-Language: en-GB, en-US
Content-Language: en-GB
X-MS-Has-Attach:
X-MS-TNEF-Correlator:
Content-Type: text/plain; charset="utf-8"
Content-Transfer-Encoding: quoted-printable
MIME-Version: 1.0

Hello team,

I noticed at about quarter past nine this morning that my laptop was not in my=
 bag. I had it with me on the train yesterday evening and I think that I left =
it there at around 6pm. It is encrypted, and the password was not with it.

Date and time detected: 23/11/2026 09:15
Impact: low
Personal data: no

I have told my line manager and rung the lost property office (020 7946 0000),=
 who gave me the reference INC0012345.

Kind regards,
Jo

--=20
Jo Reporter | Example Directorate | 10:00 to 18:00, Monday to Friday

-----Original Message-----
From: Al <al@example.org>
Sent: 20 November 2026 16:05
To: Reporter, Jo <jo@example.org>
Subject: Monday

See you on Monday at 10.
`

func mailbox() incident.SourceRule {
	c := email.Default()
	c.Name = "reports"
	c.TrustedHops = []string{"mx.example.org"}
	c.Authentication.AuthservID = "mx.example.org"
	return c.Rule()
}

// busy is for how long the processors have been busy with this program.
func busy() (time.Duration, error) {
	var u syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), err
}

// benchMail interprets plain mails on one core and returns how many for each
// second that it is busy: what else runs on the machine does not count.
func benchMail(seconds int) (float64, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	raw := strings.ReplaceAll(plainMail, "\n", "\r\n")
	rule := mailbox()
	received := time.Date(2026, 11, 23, 10, 20, 30, 0, time.UTC)
	var x email.Interpreter
	began, n := time.Now(), 0
	before, err := busy()
	if err != nil {
		return 0, err
	}
	for time.Since(began) < time.Duration(seconds)*time.Second {
		for range 100 {
			n++
			s := incident.Signal{Source: "reports", Channel: incident.ChannelEmail, Received: received, Auth: incident.AuthMail, Raw: fmt.Appendf(nil, raw, n)}
			if r := x.Interpret(s, rule); len(r.Parts) != 1 || r.Quarantine != "" {
				return 0, fmt.Errorf("interpret a plain mail: %d parts, quarantine %q", len(r.Parts), r.Quarantine)
			}
		}
	}
	after, err := busy()
	return float64(n) / (after - before).Seconds(), err
}

// benchLargeMail interprets a mail of 25 MB and returns the most megabytes that
// the heap held meanwhile, with the mail's own bytes. Its only part that is
// large is a winmail.dat in base64, which must be decoded whole.
func benchLargeMail() (float64, error) {
	const size = 25 << 20
	inside := append([]byte("\x78\x9f\x3e\x22\x01\x00\x02\x0f\x80\x06\x00"), make([]byte, size*3/4)...)
	var mail bytes.Buffer
	mail.WriteString("From: jo@example.org\r\nSubject: report\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" +
		"--b\r\n\r\nDate and time detected: 23/11/2026 09:15\r\n" +
		"--b\r\nContent-Type: application/ms-tnef\r\nContent-Transfer-Encoding: base64\r\n\r\n")
	w := base64.NewEncoder(base64.StdEncoding, &mail)
	if _, err := w.Write(inside); err != nil {
		return 0, err
	}
	if err := w.Close(); err != nil {
		return 0, err
	}
	s := incident.Signal{Source: "reports", Channel: incident.ChannelEmail, Received: time.Date(2026, 11, 23, 10, 20, 30, 0, time.UTC), Auth: incident.AuthMail, Raw: bytes.Clone(mail.Bytes())}
	rule := mailbox()
	mail, inside = bytes.Buffer{}, nil
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	others := m.HeapAlloc - uint64(len(s.Raw))
	done, most := make(chan struct{}), make(chan uint64)
	go func() {
		var m runtime.MemStats
		peak := uint64(0)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapAlloc)
			select {
			case <-done:
				most <- peak
				return
			case <-tick.C:
			}
		}
	}()
	var x email.Interpreter
	r := x.Interpret(s, rule)
	close(done)
	peak := <-most
	if len(r.Parts) != 1 {
		return 0, fmt.Errorf("interpret a mail of 25 MB: %d parts, quarantine %q", len(r.Parts), r.Quarantine)
	}
	return float64(peak-others) / (1 << 20), nil
}
