-- Whether a gRPC message names a word. HAProxy's own matches read text, which ends for them at the first zero byte, and
-- every gRPC message begins with one.
core.register_fetches("grpc_names", function(txn, word)
    return string.find(txn.f:req_body(), word, 1, true) ~= nil
end)
