package update

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func version(t *testing.T, text string) Version {
	t.Helper()
	v, err := ParseVersion(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func good(t *testing.T) *Manifest {
	return &Manifest{
		Format: Format, Board: "zynq-zc702", Version: version(t, "v1.2.3-4-gabc"), Minimum: version(t, "v1.0.0"), Built: 1795352354,
		Files: []File{FileOf("lode.itb", []byte("an image")), FileOf("boot.scr", []byte("a script"))},
	}
}

func TestManifestGoesThere(t *testing.T) {
	m := good(t)
	text, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	back, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(back) != fmt.Sprint(m) {
		t.Fatalf("Parse = %v, want %v", back, m)
	}
	for i := range text {
		if _, err := Parse(text[:i]); err == nil {
			t.Errorf("the first %d bytes are taken", i)
		}
	}
}

// Every flipped bit is refused by the signature, and what still parses is refused too.
func TestFlippedBits(t *testing.T) {
	text, _ := good(t).Encode()
	key := TestKey()
	sig := key.Sign(text)
	if err := key.Public().Verify(text, sig); err != nil {
		t.Fatal(err)
	}
	for i := range 8 * len(text) {
		text[i/8] ^= 1 << (i % 8)
		if err := key.Public().Verify(text, sig); !errors.Is(err, ErrSignature) {
			t.Fatalf("bit %d flipped: %v", i, err)
		}
		text[i/8] ^= 1 << (i % 8)
	}
	for i := range 8 * len(sig) {
		sig[i/8] ^= 1 << (i % 8)
		err := key.Public().Verify(text, sig)
		if inComment := i/8 >= len(comment) && i/8 < bytes.IndexByte(sig, '\n'); err == nil && !inComment {
			t.Fatalf("signature's bit %d flipped: taken", i)
		}
		sig[i/8] ^= 1 << (i % 8)
	}
}

func TestManifestRefuses(t *testing.T) {
	text, _ := good(t).Encode()
	replace := func(old, new string) string {
		s := strings.Replace(string(text), old, new, 1)
		if s == string(text) {
			t.Fatalf("%q is not in the manifest", old)
		}
		return s
	}
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "", "EOF"},
		{"double key", replace(`"board":`, `"board": "vexpress", "board":`), "twice"},
		{"double key below", replace(`"name":`, `"name": "x", "name":`), "twice"},
		{"double key in capitals", replace(`"board":`, `"Board": "vexpress", "board":`), "is none"},
		{"double key, folded", replace(`"files":`, `"fileſ": [], "files":`), "is none"},
		{"unknown key", replace(`"board":`, `"boards": "vexpress", "board":`), "unknown field"},
		{"missing key", replace(`  "minimum": "v1.0.0",`+"\n", ""), "missing"},
		{"null", replace(`"v1.0.0"`, "null"), "missing"},
		{"something after it", string(text) + "{}", "follows"},
		{"another format", replace(`"format": 1`, `"format": 2`), "format 2"},
		{"no board", replace(`"zynq-zc702"`, `""`), "board id"},
		{"board with a path", replace(`"zynq-zc702"`, `"../x"`), "board id"},
		{"file with a path", replace(`"lode.itb"`, `"a/b"`), "file name"},
		{"hidden file", replace(`"lode.itb"`, `".itb"`), "file name"},
		{"same file twice", replace(`"lode.itb"`, `"BOOT.SCR"`), "twice"},
		{"no size", replace(`"size": 8`, `"size": 0`), "0 bytes"},
		{"negative size", replace(`"size": 8`, `"size": -8`), "-8 bytes"},
		{"huge size", replace(`"size": 8`, `"size": 8000000000`), "bytes"},
		{"short hash", replace(`"sha256": "`, `"sha256": "ab`), "64 hex"},
		{"no version", replace(`"v1.2.3-4-gabc"`, `"new"`), "version"},
		{"minimum above it", replace(`"v1.0.0"`, `"v9.0.0"`), "above"},
		{"deep", strings.Repeat("[", 99), "levels"},
		{"long", strings.Repeat(" ", MaxManifest+1), "limit"},
		{"other spaces", strings.ReplaceAll(string(text), "\n", "\r\n"), "not written"},
	} {
		if m, err := Parse([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: Parse = %v, %v; want an error with %q", c.name, m, err, c.want)
		}
	}
}

func TestCheck(t *testing.T) {
	m := good(t)
	for _, c := range []struct{ board, running, floor, want string }{
		{"zynq-zc702", "v1.2.2", "v1.0.0", ""},
		{"zynq-zc702", "v1.2.3-4-gother", "v1.0.0", ""},
		{"zynq-zc702", "v1.2.3-5", "v1.0.0", "which runs"},
		{"zynq-zc702", "v1.3.0", "v1.0.0", "which runs"},
		{"zynq-zc702", "v1.0.0", "v1.2.4", "go back"},
		{"vexpress", "v1.0.0", "v1.0.0", "this is vexpress"},
	} {
		err := m.Check(c.board, version(t, c.running), version(t, c.floor))
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("Check(%s, %s, %s) = %v, want %q", c.board, c.running, c.floor, err, c.want)
		}
	}
}

func TestFileCheck(t *testing.T) {
	f := FileOf("lode.itb", []byte("an image"))
	for content, want := range map[string]string{"an image": "", "an imagE": "another hash", "an imag": "ends after 7", "an image!": "longer"} {
		err := f.Check(strings.NewReader(content))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", content, err, want)
		}
	}
}

func TestVersions(t *testing.T) {
	ordered := []string{"v0.0.0-1795352354-gabc-dirty", "v0.0.1", "0.1.0", "v0.1.0-1-gfff", "v0.1.0-12", "v0.2.0", "v1.0.0-rc1"}
	for i, a := range ordered {
		va := version(t, a)
		if again := version(t, va.String()); again != va {
			t.Errorf("%s comes back as %s", a, again)
		}
		for _, b := range ordered[i+1:] {
			if vb := version(t, b); va.Compare(vb) >= 0 || vb.Compare(va) <= 0 {
				t.Errorf("%s is not older than %s", a, b)
			}
		}
	}
	for _, bad := range []string{"", "v", "1.2", "1.2.3.4", "v1.2.x", "v01.2.3", "v1.2.3-", "v1.2.3-a b", "v4294967296.0.0", strings.Repeat("1", 99)} {
		if v, err := ParseVersion(bad); err == nil {
			t.Errorf("ParseVersion(%q) = %v", bad, v)
		}
	}
}

func TestKeys(t *testing.T) {
	k, err := NewSecretKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	back, err := ParseSecretKey(k.Encode())
	if err != nil || back != k {
		t.Fatalf("ParseSecretKey = %v, %v", back, err)
	}
	p, err := ParsePublicKey(k.Public().Encode())
	if err != nil || p != k.Public() {
		t.Fatalf("ParsePublicKey = %v, %v", p, err)
	}
	keys, err := ParsePublicKeys(append(TestKey().Public().Encode(), p.Encode()...))
	if err != nil || len(keys) != 2 || keys[1] != p {
		t.Fatalf("ParsePublicKeys = %v, %v", keys, err)
	}
	for _, s := range []string{fmt.Sprint(k), fmt.Sprintf("%+v %#v %s", k, k, k)} {
		if strings.Contains(s, fmt.Sprint(k.key[0])+" "+fmt.Sprint(k.key[1])) || !strings.Contains(s, "secret update key") {
			t.Errorf("a key prints as %s", s)
		}
	}
	text := k.Encode()
	for i := len(comment); i < len(text); i++ {
		bad := bytes.Clone(text)
		bad[i] ^= 1
		if got, err := ParseSecretKey(bad); err == nil && bytes.IndexByte(text, '\n') < i && got == k {
			t.Errorf("byte %d changed: not noticed", i)
		}
	}
}

// The release key is the only one that a release takes, whoever trusts the test key.
func TestReleaseRefusesTestKey(t *testing.T) {
	message := []byte("manifest")
	own, _ := NewSecretKey(rand.Reader)
	trusted := []PublicKey{own.Public(), TestKey().Public()}
	for _, c := range []struct {
		key     SecretKey
		trusted []PublicKey
		release bool
		want    error
	}{
		{own, trusted, true, nil},
		{TestKey(), trusted, false, nil},
		{TestKey(), trusted, true, ErrTestKey},
		{TestKey(), trusted[:1], false, ErrSignature},
		{own, nil, false, ErrSignature},
	} {
		if err := VerifyAny(message, c.key.Sign(message), c.trusted, c.release); !errors.Is(err, c.want) {
			t.Errorf("%s, release %v: %v, want %v", c.key, c.release, err, c.want)
		}
	}
	renamed := TestKey()
	renamed.Number = own.Number
	if !renamed.Public().IsTest() {
		t.Error("a test key with another number goes as a real one")
	}
}

// The bytes are signify's: made by signify -S with a key of signify -G -n.
func TestSignify(t *testing.T) {
	pub, err := ParsePublicKey([]byte(signifyPublic))
	if err != nil {
		t.Fatal(err)
	}
	if err := pub.Verify([]byte(signifyMessage), []byte(signifySignature)); err != nil {
		t.Fatal(err)
	}
	key, err := ParseSecretKey([]byte(signifySecret))
	if err != nil {
		t.Fatal(err)
	}
	if key.Public() != pub {
		t.Fatalf("public half %v, want %v", key.Public(), pub)
	}
	_, want, _ := strings.Cut(signifySignature, "\n")
	if _, got, _ := strings.Cut(string(key.Sign([]byte(signifyMessage))), "\n"); got != want {
		t.Errorf("Sign = %q, want %q", got, want)
	}
	if len(pub.key) != ed25519.PublicKeySize {
		t.Error("key size")
	}
}

func FuzzParseVersion(f *testing.F) {
	for _, text := range []string{"v1.2.3-14-gabcdef0-dirty", "1.2.3", "v1.2.3-0-7", "v1.2.3-0-", "v1.2.3-007", "v1.2.3-rc1", "1.2.3-" + strings.Repeat("x", 74)} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := ParseVersion(text)
		if err != nil {
			return
		}
		if back, err := ParseVersion(v.String()); err != nil || back != v || v.String() != "v"+strings.TrimPrefix(text, "v") {
			t.Errorf("%q is %+v, and that is %+v, %v", text, v, back, err)
		}
	})
}

func FuzzParse(f *testing.F) {
	m := &Manifest{Format: 1, Board: "b", Version: Version{Major: 1}, Built: 1, Files: []File{FileOf("a", []byte("a"))}}
	text, _ := m.Encode()
	f.Add(text)
	f.Add([]byte(`{"format":1,"format":1}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if m, err := Parse(text); err == nil {
			if again, err := m.Encode(); err != nil || !bytes.Equal(again, text) {
				t.Fatalf("taken, but comes back as %q, %v", again, err)
			}
		}
	})
}

func FuzzKeys(f *testing.F) {
	f.Add(TestKey().Encode())
	f.Add(TestKey().Public().Encode())
	f.Add(TestKey().Sign([]byte("x")))
	f.Fuzz(func(t *testing.T, text []byte) {
		if k, err := ParseSecretKey(text); err == nil && k.Public().Verify(nil, k.Sign(nil)) != nil {
			t.Fatal("a key that cannot sign")
		}
		if keys, err := ParsePublicKeys(text); err == nil && len(keys) == 0 {
			t.Fatal("no keys and no error")
		}
		_ = TestKey().Public().Verify(nil, text)
	})
}
