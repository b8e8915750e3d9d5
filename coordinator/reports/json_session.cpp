#include "coordinator/reports/json_session.h"

namespace kvcompare {

OrderedJson json_session(const Session& session) {
  OrderedJson json;
  json["started"] = utc_text(session.started);
  if (session.end) json["finished"] = utc_text(session.end->finished);
  json["host"] = session.host;
  json["processes"] = session.n_processes;
  json["workers"] = session.n_workers;
  json["device"] = session.device;
  json["threads"] = session.n_threads;
  json["versions"] = {{"kvcompare", session.kvcompare_version},
                      {"libtorch", session.libtorch_version},
                      {"compiler", session.compiler}};
  if (!session.commit.empty()) json["versions"]["commit"] = session.commit;
  json["command_line"] = session.command_line;
  put_finite(json, "load_seconds", session.load_seconds);
  if (session.end) {
    put_finite(json, "evaluate_seconds", session.end->evaluate_seconds);
    json["evaluated_units"] = session.end->n_evaluated;
    json["interrupted"] = session.end->interrupted;
  }
  return json;
}

}  // namespace kvcompare
