package backup

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"
	"unicode/utf8"
)

// A Message is one message of a section.
type Message struct {
	Seq    uint64
	Time   time.Time
	Key    string // of a position; the name of an object
	Piece  int    // of an object, from 0
	Pieces int    // of an object; 0 for what is none
	Header map[string][]string
	Body   []byte
}

const (
	version = 1
	// MaxBody bounds a body, maxLine a line.
	MaxBody = 1 << 20
	maxLine = 128 << 10
)

// A head is the first line of a file.
type head struct {
	V       int     `json:"v"`
	Section Section `json:"section"`
	Tenant  string  `json:"tenant"`
}

// A lineOf is the line before a body.
type lineOf struct {
	Seq    uint64              `json:"seq"`
	Time   time.Time           `json:"time"`
	Key    string              `json:"key,omitempty"`
	Piece  int                 `json:"piece,omitempty"`
	Pieces int                 `json:"pieces,omitempty"`
	Header map[string][]string `json:"header,omitempty"`
	Len    int                 `json:"len"`
	SHA256 string              `json:"sha256"`
}

// An End is the last line of a file, and says what is in it.
type End struct {
	End    Section `json:"end"`
	Count  uint64  `json:"count"`
	First  uint64  `json:"first"`
	Last   uint64  `json:"last"`
	Bytes  int64   `json:"bytes"`
	SHA256 string  `json:"sha256"`
}

// seal sets the sum of e: of what sum has seen and of the line itself up to
// where the sum stands.
func (e *End) seal(sum hash.Hash) error {
	e.SHA256 = ""
	line, err := compact(e)
	sum.Write(bytes.TrimSuffix(line, []byte("\"}\n")))
	e.SHA256 = hex.EncodeToString(sum.Sum(nil))
	return err
}

// compact writes v as a line, without the escapes for HTML.
func compact(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v) // with a newline
	return b.Bytes(), err
}

// A Writer writes a file of messages. It belongs to one goroutine.
type Writer struct {
	w   io.Writer
	sum hash.Hash
	end End
}

// NewWriter begins the file of a section on w.
func NewWriter(w io.Writer, s Section, tenant string) (*Writer, error) {
	out := &Writer{w: w, sum: sha256.New(), end: End{End: s}}
	line, err := compact(head{V: version, Section: s, Tenant: tenant})
	if err != nil {
		return nil, err
	}
	return out, out.write(line)
}

func (w *Writer) write(parts ...[]byte) error {
	for _, p := range parts {
		w.sum.Write(p)
		w.end.Bytes += int64(len(p))
		if _, err := w.w.Write(p); err != nil {
			return err
		}
	}
	return nil
}

// Add writes one message. Its sequence MUST be greater than the one before.
func (w *Writer) Add(m Message) error {
	line, err := encode(m)
	if err == nil && w.end.Count > 0 && m.Seq <= w.end.Last || m.Seq == 0 {
		err = errOrder
	}
	if err != nil {
		return fmt.Errorf("write message %d of %s: %w", m.Seq, w.end.End, err)
	}
	if w.end.Count++; w.end.Count == 1 {
		w.end.First = m.Seq
	}
	w.end.Last = m.Seq
	return w.write(line, m.Body, []byte{'\n'})
}

// Close writes the last line. last is the last sequence of the stream.
func (w *Writer) Close(last uint64) (End, error) {
	if last < w.end.Last {
		return End{}, fmt.Errorf("write %s: %w", w.end.End, errOrder)
	}
	w.end.Last = last
	if err := w.end.seal(w.sum); err != nil {
		return End{}, err
	}
	line, err := compact(w.end)
	if err != nil {
		return End{}, err
	}
	_, err = w.w.Write(line)
	return w.end, err
}

var (
	errOrder = errors.New("its sequence is out of order")
	errBody  = fmt.Errorf("its body is longer than %d bytes", MaxBody)
	errText  = errors.New("it has text that is not UTF-8")
	errCut   = errors.New("the file ends before its last line")
)

// encode returns the line of m.
func encode(m Message) ([]byte, error) {
	if len(m.Body) > MaxBody {
		return nil, errBody
	}
	valid := utf8.ValidString(m.Key)
	for name, values := range m.Header {
		valid = valid && utf8.ValidString(name)
		for _, v := range values {
			valid = valid && utf8.ValidString(v)
		}
	}
	if !valid {
		return nil, errText
	}
	sum := sha256.Sum256(m.Body)
	line, err := compact(lineOf{
		Seq: m.Seq, Time: m.Time.UTC(), Key: m.Key, Piece: m.Piece, Pieces: m.Pieces,
		Header: m.Header, Len: len(m.Body), SHA256: hex.EncodeToString(sum[:]),
	})
	if err == nil && len(line) > maxLine {
		err = bufio.ErrTooLong
	}
	return line, err
}

// A Reader reads a file of messages. It belongs to one goroutine.
type Reader struct {
	r    *bufio.Reader
	sum  hash.Hash
	head head
	got  End // what was read so far
	end  *End
}

// NewReader reads the first line of a file. Where several files follow each
// other, r MUST be a *bufio.Reader, so that nothing is read that belongs to the
// next.
func NewReader(r io.Reader) (*Reader, error) {
	b, ok := r.(*bufio.Reader)
	if !ok {
		b = bufio.NewReaderSize(r, maxLine+1)
	}
	in := &Reader{r: b, sum: sha256.New()}
	line, err := in.line()
	if err != nil {
		return nil, err
	}
	if err := decode(line, &in.head); err != nil {
		return nil, err
	}
	if in.head.V != version {
		return nil, fmt.Errorf("%w: %d", errVersion, in.head.V)
	}
	in.got.End = in.head.Section
	return in, nil
}

var errVersion = errors.New("its version is not known")

// line returns the next line with its newline; it is valid until the next read.
func (r *Reader) line() ([]byte, error) {
	line, err := r.r.ReadSlice('\n')
	switch {
	case errors.Is(err, io.EOF):
		return nil, errCut
	case err != nil:
		return nil, err
	case len(line) > maxLine:
		return nil, bufio.ErrTooLong
	}
	if !bytes.HasPrefix(line, []byte(`{"end":`)) {
		r.took(line)
	}
	return line, nil
}

func (r *Reader) took(b []byte) {
	if r.sum != nil { // else one message is read again
		r.sum.Write(b)
	}
	r.got.Bytes += int64(len(b))
}

// decode reads a line into v, and refuses one that compact would not write.
func decode(line []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("read line: %v", err) //nolint:errorlint // its io.EOF is not the file's
	}
	again, err := compact(v)
	if err != nil {
		return err
	}
	if !bytes.Equal(again, line) {
		return errors.New("read line: it is not in the form in which it is written")
	}
	return nil
}

// Section and Tenant say whose file it is.
func (r *Reader) Section() Section { return r.head.Section }

// Tenant says whose file it is.
func (r *Reader) Tenant() string { return r.head.Tenant }

// Next returns the next message, whole, or io.EOF behind the last one; then
// [Reader.End] says what was read. Where the file ends early, or is not what
// was written, that is another error.
func (r *Reader) Next() (Message, error) {
	m, err := r.next()
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("after message %d: %w", r.got.Last, err)
	}
	return m, err
}

// again reads one message of a file that was read before.
func (r *Reader) again() (Message, error) {
	m, err := r.next()
	if errors.Is(err, io.EOF) {
		err = errCut
	}
	return m, err
}

func (r *Reader) next() (Message, error) {
	if r.end != nil {
		return Message{}, io.EOF
	}
	line, err := r.line()
	if err != nil {
		return Message{}, err
	}
	if bytes.HasPrefix(line, []byte(`{"end":`)) {
		return Message{}, r.close(line)
	}
	var l lineOf
	if err := decode(line, &l); err != nil {
		return Message{}, err
	}
	switch {
	case l.Len < 0 || l.Len > MaxBody:
		return Message{}, errBody
	case l.Seq <= r.got.Last:
		return Message{}, errOrder
	case l.Piece < 0 || l.Pieces < 0 || l.Piece > l.Pieces:
		return Message{}, errors.New("its piece is none of its pieces")
	}
	body := make([]byte, l.Len+1)
	if n, err := io.ReadFull(r.r, body); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return Message{}, errCut
	} else if err != nil {
		return Message{}, fmt.Errorf("%d bytes into a body: %w", n, err)
	}
	r.took(body)
	if body[l.Len] != '\n' {
		return Message{}, errors.New("its body is longer than its line says")
	}
	body = body[:l.Len:l.Len]
	if sum := sha256.Sum256(body); hex.EncodeToString(sum[:]) != l.SHA256 {
		return Message{}, errors.New("its body is not the one that was written")
	}
	if r.got.Count++; r.got.Count == 1 {
		r.got.First = l.Seq
	}
	r.got.Last = l.Seq
	return Message{
		Seq: l.Seq, Time: l.Time, Key: l.Key, Piece: l.Piece, Pieces: l.Pieces, Header: l.Header, Body: body,
	}, nil
}

// close reads the last line, and compares it with what was read.
func (r *Reader) close(line []byte) error {
	var end End
	if err := decode(line, &end); err != nil {
		return err
	}
	if r.sum == nil {
		return errCut
	}
	want := r.got
	want.Last = max(want.Last, end.Last)
	if err := want.seal(r.sum); err != nil {
		return err
	}
	if end != want {
		return fmt.Errorf("its last line says %+v, and it holds %+v", end, want)
	}
	r.end = &end
	return io.EOF
}

// End returns the last line once Next has returned io.EOF.
func (r *Reader) End() End {
	if r.end == nil {
		return End{}
	}
	return *r.end
}
