using System.Text.Json;
using System.Text.Unicode;
using KestrelKv.Json;

namespace KestrelKv.Protocol;

/// <summary>Turns the body of a frame into a <see cref="Request"/>.</summary>
public static class RequestParser
{
    /// <summary>How many levels of the body lie around a value: the request and its <c>params</c>.</summary>
    private const int EnvelopeDepth = 2;

    /// <summary>Parses one request. Never throws on account of what the body holds: a bad one comes back as <see cref="Function.Invalid"/>.</summary>
    /// <param name="body">The whole body of a frame. The request is made of slices of it.</param>
    /// <param name="limits">What a request may not exceed.</param>
    /// <param name="request">Receives the request; a struct of this size is costly to copy.</param>
    public static void Parse(ReadOnlyMemory<byte> body, RequestLimits limits, out Request request)
    {
        if (!FastRequestParser.TryParse(body, limits, out request)) request = ParseGeneral(body, limits);
    }

    /// <summary>Parses any request, however it is spelled.</summary>
    internal static Request ParseGeneral(ReadOnlyMemory<byte> body, RequestLimits limits)
    {
        // The JSON reader checks the encoding of strings only when they are decoded, and values never are.
        if (!Utf8.IsValid(body.Span))
            return Request.Invalid(ProtocolError.Of(JsonText.InvalidUtf8(body.Span)));

        Request request = Parse(body, limits, Place.Frame, limits.JsonDepthMax + EnvelopeDepth);
        if (request.Error is not { Code: ErrorCode.TooDeep, Index: null }) return request;

        // The values of a batch lie deeper in the body than others, and are measured one by one.
        Request batch = Parse(body, limits, Place.Frame, int.MaxValue);
        return batch.Function == Function.Batch || batch.Error is { Index: not null } ? batch : request;
    }

    /// <summary>Parses the <c>params</c> of a BATCH without the request around them.</summary>
    /// <param name="parameters">UTF-8, or not.</param>
    /// <param name="limits">What a request may not exceed.</param>
    public static Request ParseBatch(ReadOnlyMemory<byte> parameters, RequestLimits limits) => Utf8.IsValid(parameters.Span)
        ? Parse(parameters, limits, Place.BatchParameters, int.MaxValue)
        : Request.Invalid(ProtocolError.Of(JsonText.InvalidUtf8(parameters.Span)));

    /// <summary>Parses one of the operations of a batch.</summary>
    internal static Request ParseOperation(ReadOnlyMemory<byte> operation, RequestLimits limits) =>
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
            // The JSON reader reports syntax errors only by an exception.
            return envelope.Refuse(ProtocolError.Of(JsonText.Explain(body.Span, e, ref reader, limits.JsonDepthMax)));
        }
    }
}

/// <summary>Where a request stands.</summary>
internal enum Place
{
    /// <summary>In a frame of its own.</summary>
    Frame,

    /// <summary>Among the operations of a batch, which have no ids and no acknowledgement of their own.</summary>
    Operation,

    /// <summary>It is a BATCH of which there are only the parameters.</summary>
    BatchParameters,
}
