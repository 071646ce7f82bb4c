using System.Text.Json;
using System.Text.Unicode;
using KestrelKv.Json;

namespace KestrelKv.Protocol;

/// <summary>Parses the body of a frame to a <see cref="Request"/>.</summary>
public static class RequestParser
{
    /// <summary>The nesting of a value in the body: the request and <c>params</c>.</summary>
    private const int EnvelopeDepth = 2;

    /// <summary>Parses one request. Never throws for an invalid body, but returns <see cref="Function.Invalid"/>.</summary>
    /// <param name="body">The body of a frame, which the request refers to.</param>
    /// <param name="limits">The limits of the request.</param>
    /// <param name="request">The request; an out parameter, because the struct is costly to copy.</param>
    public static void Parse(ReadOnlyMemory<byte> body, RequestLimits limits, out Request request)
    {
        if (!FastRequestParser.TryParse(body, limits, out request)) request = ParseGeneral(body, limits);
    }

    /// <summary>Parses a request in any spelling.</summary>
    internal static Request ParseGeneral(ReadOnlyMemory<byte> body, RequestLimits limits)
    {
        // The JSON reader checks the encoding only of decoded strings. Values are never decoded.
        if (!Utf8.IsValid(body.Span))
            return Request.Invalid(ProtocolError.Of(JsonText.InvalidUtf8(body.Span)));

        Request request = Parse(body, limits, Place.Frame, limits.JsonDepthMax + EnvelopeDepth);
        if (request.Error is not { Code: ErrorCode.TooDeep, Index: null }) return request;

        // The values of a batch are nested deeper in the body than others, and are checked one by one.
        Request batch = Parse(body, limits, Place.Frame, int.MaxValue);
        return batch.Function == Function.Batch || batch.Error is { Index: not null } ? batch : request;
    }

    /// <summary>Parses the <c>params</c> object of a BATCH alone.</summary>
    /// <param name="parameters">The object. It may be invalid UTF-8.</param>
    /// <param name="limits">The limits of the request.</param>
    public static Request ParseBatch(ReadOnlyMemory<byte> parameters, RequestLimits limits) => Utf8.IsValid(parameters.Span)
        ? Parse(parameters, limits, Place.BatchParameters, int.MaxValue)
        : Request.Invalid(ProtocolError.Of(JsonText.InvalidUtf8(parameters.Span)));

    /// <summary>Parses one operation of a batch.</summary>
    internal static Request ParseOperation(ReadOnlyMemory<byte> operation, RequestLimits limits) =>
        FastRequestParser.TryParse(operation, limits, out Request request) && request is { IdSlice.Length: 0, RequestIdSlice.Length: 0 }
            ? request
            : ParseGeneralOperation(operation, limits);

    /// <summary>Parses one operation of a batch in any spelling.</summary>
    internal static Request ParseGeneralOperation(ReadOnlyMemory<byte> operation, RequestLimits limits) =>
        Parse(operation, limits, Place.Operation, limits.JsonDepthMax + EnvelopeDepth);

    private static Request Parse(ReadOnlyMemory<byte> body, RequestLimits limits, Place place, int depthMax)
    {
        var reader = new Utf8JsonReader(body.Span, JsonText.ReaderOptions(depthMax));
        var envelope = new Envelope(body, place);
        try
        {
            return envelope.Read(ref reader) is { } error
                ? envelope.Refuse(error)
                : envelope.ToRequest(limits);
        }
        catch (JsonException e)
        {
            // The JSON reader reports syntax errors only as exceptions.
            return envelope.Refuse(ProtocolError.Of(JsonText.Explain(body.Span, e, ref reader, limits.JsonDepthMax)));
        }
    }
}

/// <summary>The context of a request.</summary>
internal enum Place
{
    /// <summary>A request in its own frame.</summary>
    Frame,

    /// <summary>An operation of a batch, which has no <c>id</c> and no <c>ack</c>.</summary>
    Operation,

    /// <summary>The <c>params</c> of a BATCH.</summary>
    BatchParameters,
}
