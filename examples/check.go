// Checks keys that Latchkey signed, with its public keys alone. Keys come in one a line:
//
//	go get github.com/golang-jwt/jwt/v5 github.com/MicahParks/keyfunc/v3
//	LATCHKEY_URL=https://latchkey.example.com AUDIENCE=https://api.acme.example.com go run check.go < keys.txt
//
// Without a call to Latchkey, a key of a link that has ended is good until it expires.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"log"
	"os"
	"time"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
)

type claims struct {
	jwt.RegisteredClaims
	Generation int64 `json:"generation"`
}

type checker struct {
	keys   keyfunc.Keyfunc
	parser *jwt.Parser
}

func newChecker(latchkey, audience string) (*checker, error) {
	// A new kid fetches the set at once, but not again within five minutes: anybody can invent kids.
	keys, err := keyfunc.NewDefaultOverrideCtx(context.Background(), []string{latchkey + "/.well-known/jwks.json"},
		keyfunc.Override{
			HTTPTimeout:      10 * time.Second,
			RefreshInterval:  10 * time.Minute,
			RateLimitWaitMax: time.Second,
		})
	if err != nil {
		return nil, err
	}
	return &checker{keys, jwt.NewParser(
		jwt.WithValidMethods([]string{"EdDSA"}),
		jwt.WithIssuer(latchkey),
		jwt.WithAudience(audience),
		jwt.WithExpirationRequired(),
	)}, nil
}

func (c *checker) check(key string) (*claims, error) {
	var found claims
	_, err := c.parser.ParseWithClaims(key, &found, func(token *jwt.Token) (any, error) {
		if token.Header["typ"] != "at+jwt" {
			return nil, errors.New("typ is not at+jwt")
		}
		// keyfunc tries every key of the set for a token that names none.
		if token.Header["kid"] == nil {
			return nil, errors.New("no kid")
		}
		return c.keys.Keyfunc(token)
	})
	if err == nil && found.Subject == "" {
		err = errors.New("no sub")
	}
	return &found, err
}

func main() {
	latchkey, audience := os.Getenv("LATCHKEY_URL"), os.Getenv("AUDIENCE")
	if latchkey == "" || audience == "" {
		log.Fatal("set LATCHKEY_URL and AUDIENCE")
	}
	checker, err := newChecker(latchkey, audience)
	if err != nil {
		log.Fatal(err)
	}
	answers := json.NewEncoder(os.Stdout)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		found, err := checker.check(lines.Text())
		if err != nil {
			answers.Encode(map[string]string{"refused": err.Error()})
		} else {
			answers.Encode(map[string]any{"subject": found.Subject, "generation": found.Generation})
		}
	}
}
