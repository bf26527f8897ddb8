#include "server/blob_stream.h"

#include <grpcpp/server_context.h>

#include <utility>

#include "absl/status/statusor.h"

namespace lorasweep::server {
namespace {

constexpr std::size_t kChunkBytes = 1 << 20;

}  // namespace

absl::Status SendBlob(const ArtifactStore& artifacts, const v1::DownloadBlobRequest& request,
                      const grpc::ServerContext& context, grpc::ServerWriter<v1::BlobChunk>& writer) {
  const absl::StatusOr<std::unique_ptr<ArtifactStore::Download>> download =
      artifacts.Read(request.sha256(), request.offset());
  if (!download.ok()) return download.status();
  v1::BlobChunk chunk;
  while (!context.IsCancelled()) {
    absl::StatusOr<std::string> data = (*download)->Next(kChunkBytes);
    if (!data.ok()) return data.status();
    if (data->empty()) return absl::OkStatus();
    chunk.set_data(*std::move(data));
    if (!writer.Write(chunk)) break;
  }
  return absl::CancelledError("the client left");
}

}  // namespace lorasweep::server
