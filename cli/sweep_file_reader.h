#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cli/sweep_file_yaml.h"
#include "lorasweep/v1/sweep.pb.h"
#include "proto/settings.h"

namespace lorasweep::cli {

// W&B's keys at the top that say how W&B runs a program: accepted, without a meaning here.
const std::vector<std::string>& IgnoredKeys();

// Turns the tree of a sweep file into a SweepSpec, key by key as the settings of proto/settings.h say, and collects
// every mistake on the way. Fills no defaults and looks at no file.
class SweepReader {
 public:
  struct Mistake {
    int line = 0;  // of the tree; 0: of no line
    std::string path;
    std::string message;
  };

  // Reads into an empty spec. Once.
  v1::SweepSpec Read(const YamlNode& root);

  const std::vector<Mistake>& mistakes() const { return mistakes_; }
  // W&B's keys that mean nothing here, and what was understood otherwise than written.
  const std::vector<std::string>& warnings() const { return warnings_; }

  // Where a path, or the nearest key above it that the file has, stands; 0 when it has none.
  int LineOf(std::string_view path) const;

 private:
  using Message = google::protobuf::Message;

  void ReadTop(const YamlNode& root);
  void ReadSection(const std::string& section, const YamlNode& node);
  void ReadParameters(const YamlNode& node);
  void ReadParameter(const YamlNode::Key& name, const YamlNode& node, v1::ParameterSpec* parameter);
  // path: as the file writes it, for messages.
  void ReadSetting(const proto::Setting& setting, const std::string& path, const YamlNode& node, Message* section);
  bool ReadList(const proto::Setting& setting, const std::string& path, const YamlNode& node, Message* section);

  // Does the section have this key for the first time? `as`: the key as written, for W&B's names.
  bool Enter(const std::string& path, const YamlNode::Key& as);
  bool ExpectMap(const std::string& path, const YamlNode& node);
  void UnknownKey(const std::string& section, const YamlNode::Key& key, const std::vector<std::string>& allowed);
  void Add(int line, std::string path, std::string message);

  v1::SweepSpec spec_;
  std::map<std::string, YamlNode::Key> entered_;  // path -> the key that it was written as
  std::vector<Mistake> mistakes_;
  std::vector<std::string> warnings_;
};

}  // namespace lorasweep::cli
