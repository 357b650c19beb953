package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"syscall"
	"time"

	"gopkg.in/yaml.v2"
)

const defaultKubeconfig = "/etc/rancher/k3s/k3s.yaml"

// kubectl knows `get --raw PATH` and `get nodes [-o name]`.
func kubectl(words []string) error {
	switch {
	case len(words) == 3 && slices.Equal(words[:2], []string{"get", "--raw"}):
		body, err := get(words[2])
		if err != nil {
			return err
		}
		_, err = os.Stdout.Write(body)
		return err
	case len(words) >= 2 && words[0] == "get" && slices.Contains([]string{"node", "nodes", "no"}, words[1]):
		return nodes(words[2:])
	}
	return fmt.Errorf("error: the stand-in's kubectl knows only get --raw and get nodes, not %q", words)
}

func nodes(words []string) error {
	names := len(words) == 1 && words[0] == "-oname" ||
		len(words) == 2 && slices.Contains([]string{"-o", "--output"}, words[0]) && words[1] == "name"
	if len(words) > 0 && !names {
		return fmt.Errorf("error: the stand-in's kubectl cannot get nodes with %q", words)
	}
	body, err := get("/api/v1/nodes")
	if err != nil {
		return err
	}
	var list struct {
		Items []struct {
			Metadata struct{ Name string }
			Status   struct {
				NodeInfo struct{ KubeletVersion string }
			}
		}
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return err
	}
	if !names {
		fmt.Println("NAME         STATUS   ROLES                  VERSION")
	}
	for _, node := range list.Items {
		if names {
			fmt.Println("node/" + node.Metadata.Name)
		} else {
			fmt.Printf("%-12s Ready    control-plane,master   %s\n", node.Metadata.Name, node.Status.NodeInfo.KubeletVersion)
		}
	}
	return nil
}

type kubeconfig struct {
	Clusters []struct {
		Cluster struct {
			Server string `yaml:"server"`
			CA     string `yaml:"certificate-authority-data"`
		} `yaml:"cluster"`
	} `yaml:"clusters"`
	Users []struct {
		User struct {
			Certificate string `yaml:"client-certificate-data"`
			Key         string `yaml:"client-key-data"`
		} `yaml:"user"`
	} `yaml:"users"`
}

// get asks the API server, as the user that the kubeconfig names. Its errors read as kubectl's.
func get(path string) ([]byte, error) {
	client, server, err := connect()
	if err != nil {
		return nil, err
	}
	response, err := client.Get(server + path)
	if errors.Is(err, syscall.ECONNREFUSED) {
		address, _ := url.Parse(server)
		return nil, fmt.Errorf("The connection to the server %s was refused - did you specify the right host or port?", address.Host)
	}
	if err != nil {
		return nil, fmt.Errorf("Unable to connect to the server: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("Error from server (%s): %s", http.StatusText(response.StatusCode), body)
	}
	return body, nil
}

func connect() (*http.Client, string, error) {
	file := os.Getenv("KUBECONFIG")
	if file == "" {
		file = defaultKubeconfig
	}
	text, err := os.ReadFile(file)
	if os.IsPermission(err) {
		return nil, "", fmt.Errorf("error: error loading config file \"%s\": open %s: permission denied", file, file)
	} else if os.IsNotExist(err) {
		return nil, "", errors.New("The connection to the server localhost:8080 was refused - did you specify the right host or port?")
	} else if err != nil {
		return nil, "", err
	}
	var config kubeconfig
	if err := yaml.Unmarshal(text, &config); err != nil || len(config.Clusters) == 0 || len(config.Users) == 0 {
		return nil, "", fmt.Errorf("error: error loading config file \"%s\": %v", file, err)
	}
	cluster, user := config.Clusters[0].Cluster, config.Users[0].User
	var parts [3][]byte
	for i, encoded := range []string{cluster.CA, user.Certificate, user.Key} {
		if parts[i], err = base64.StdEncoding.DecodeString(encoded); err != nil {
			return nil, "", fmt.Errorf("error: error loading config file \"%s\": %w", file, err)
		}
	}
	certificate, err := tls.X509KeyPair(parts[1], parts[2])
	if err != nil {
		return nil, "", err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(parts[0])
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{certificate}}}
	return &http.Client{Transport: transport, Timeout: 30 * time.Second}, cluster.Server, nil
}
