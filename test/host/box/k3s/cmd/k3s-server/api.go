package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/sirupsen/logrus"
)

// apiServer answers what the host program and its tests ask for: health, version, the node and its kubelet's configz.
type apiServer struct {
	node    string
	configz atomic.Pointer[[]byte]
}

// listen returns when the server accepts connections.
func (s *apiServer) listen(address string, port int, identity *identity) error {
	clients := x509.NewCertPool()
	clients.AddCert(identity.ca)
	listener, err := tls.Listen("tcp", net.JoinHostPort(address, strconv.Itoa(port)), &tls.Config{
		Certificates: []tls.Certificate{identity.server},
		ClientAuth:   tls.VerifyClientCertIfGiven,
		ClientCAs:    clients,
	})
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	for _, path := range []string{"/readyz", "/livez", "/healthz"} {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })
	}
	mux.HandleFunc("/version", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"major": "1", "minor": "33", "gitVersion": kubeletVersion()})
	})
	mux.HandleFunc("/api/v1/nodes", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"kind": "NodeList", "apiVersion": "v1", "metadata": map[string]any{}, "items": []any{s.nodeObject()}})
	})
	mux.HandleFunc("/api/v1/nodes/{name}", s.ofNode(func(w http.ResponseWriter) { answer(w, s.nodeObject()) }))
	mux.HandleFunc("/api/v1/nodes/{name}/proxy/configz", s.ofNode(func(w http.ResponseWriter) {
		configz := s.configz.Load()
		if configz == nil {
			refuse(w, http.StatusServiceUnavailable, "dial tcp 127.0.0.1:10250: connect: connection refused")
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(*configz)
	}))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusNotFound, "the server could not find the requested resource")
	})
	go func() { logrus.Fatal(http.Serve(listener, authenticated(mux))) }()
	return nil
}

// startKubelet makes the node answer for its kubelet.
func (s *apiServer) startKubelet(configz []byte) {
	s.configz.Store(&configz)
}

func (s *apiServer) ofNode(handle func(w http.ResponseWriter)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if name := r.PathValue("name"); name != s.node {
			refuse(w, http.StatusNotFound, fmt.Sprintf("nodes %q not found", name))
			return
		}
		handle(w)
	}
}

func (s *apiServer) nodeObject() map[string]any {
	ready := "True"
	if s.configz.Load() == nil {
		ready = "Unknown"
	}
	return map[string]any{
		"kind": "Node", "apiVersion": "v1",
		"metadata": map[string]any{"name": s.node},
		"status": map[string]any{
			"conditions": []any{map[string]any{"type": "Ready", "status": ready}},
			"nodeInfo":   map[string]any{"kubeletVersion": kubeletVersion()},
		},
	}
}

func kubeletVersion() string {
	number, _, _ := strings.Cut(version, " ")
	return number
}

// authenticated asks for a client certificate, as K3s does (anonymous-auth=false).
func authenticated(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.TLS.VerifiedChains) == 0 {
			refuse(w, http.StatusUnauthorized, "Unauthorized")
			return
		}
		next.ServeHTTP(w, r)
	})
}

func answer(w http.ResponseWriter, object any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(object)
}

func refuse(w http.ResponseWriter, code int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code,
	})
}
