using System.Text.Json;
using KestrelKv.Client.Replies;

namespace KestrelKv.Client.Requests;

internal readonly struct PingRequest(CallOptions options) : IRequest<bool>
{
    public static string Function => "PING";
    public static LaneKind Lane => LaneKind.Read;
    public CallSettings Settings => new(options.Timeout, options.FailFast);

    public void Write(RequestBuffer to, KestrelKvClientOptions limits)
    {
    }

    public bool Read(ReadOnlySpan<byte> reply) => !ReplyText.OpenOrThrow(reply).IsEmpty;
}

internal readonly struct InfoRequest(CallOptions options) : IRequest<JsonElement>
{
    public static string Function => "INFO";
    public static LaneKind Lane => LaneKind.Read;
    public CallSettings Settings => new(options.Timeout, options.FailFast);

    public void Write(RequestBuffer to, KestrelKvClientOptions limits)
    {
    }

    public JsonElement Read(ReadOnlySpan<byte> reply)
    {
        var reader = new Utf8JsonReader(ReplyText.OpenOrThrow(reply));
        return JsonElement.ParseValue(ref reader);
    }
}
