#pragma once

#include <grpcpp/support/sync_stream.h>

#include "absl/status/status.h"
#include "lorasweep/v1/sweep_service.pb.h"
#include "server/artifact_store.h"

namespace grpc {
class ServerContext;
}

namespace lorasweep::server {

// DownloadBlob of both services: the file from request.offset on, in chunks of 1 MiB.
absl::Status SendBlob(const ArtifactStore& artifacts, const v1::DownloadBlobRequest& request,
                      const grpc::ServerContext& context, grpc::ServerWriter<v1::BlobChunk>& writer);

}  // namespace lorasweep::server
