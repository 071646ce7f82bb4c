using System.Buffers;
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

/// <summary>A request of any function, given as JSON text. The parameters have no braces.</summary>
internal readonly struct CallRequest(string function, ReadOnlyMemory<byte> parameters, IBufferWriter<byte> response, bool mayRepeat, CallOptions options)
    : IRequest<int>
{
    public static string Function => "CALL";
    public static LaneKind Lane => LaneKind.Bulk;
    public static bool IsWrite => true;
    public CallSettings Settings => new(options.Timeout, options.FailFast, mayRepeat ? WriteRetry.AtLeastOnce : WriteRetry.AtMostOnce, Function: function);

    public void Write(RequestBuffer to, KestrelKvClientOptions limits) => to.Write(parameters.Span);

    public int Read(ReadOnlySpan<byte> reply)
    {
        ReadOnlySpan<byte> text = ReplyText.OpenOrThrow(reply);
        response.Write(text);
        return text.Length;
    }
}
