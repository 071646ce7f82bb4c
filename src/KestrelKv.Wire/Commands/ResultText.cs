using KestrelKv.Protocol;
using KestrelKv.Storage;

namespace KestrelKv.Wire;

/// <summary>Writes results of operations as response objects, separated by commas.</summary>
internal sealed class ResultText(TextBuffer text) : IKeyResultSink
{
    private const ResponseMembers Meta = ResponseMembers.Version | ResponseMembers.ExpiresAt;

    /// <inheritdoc/>
    public void Begin() => text.Truncate(0);

    /// <inheritdoc/>
    public void Add(in Request request, in OperationResult result)
    {
        if (text.Length > 0) text.Write(", "u8);
        Write(text, request, result);
    }

    /// <summary>Writes the response object of a request on one key. The result must not be an error.</summary>
    public static void Write(TextBuffer text, in Request request, in OperationResult result)
    {
        bool isRead = request.Function == Function.Get;
        var entry = new EntryText
        {
            Members = MembersOf(request.Function, request.Options ?? RequestOptions.None),
            Found = isRead ? result.Status == ResultStatus.Done : result.PreviousVersion != 0,
            Version = result.Version,
            ExpiresAt = result.ExpiresAt,
            Old = result.OldValue,
        };
        if (isRead || request.Function == Function.Incr) ResponseText.WriteValue(text, request.NameText.Span, result.Value, entry);
        else ResponseText.WriteOk(text, request.NameText.Span, entry);
    }

    private static ResponseMembers MembersOf(Function function, RequestOptions options)
    {
        ResponseMembers members = function switch
        {
            Function.Get or Function.Put when options.Meta => ResponseMembers.Found | Meta,
            Function.Get when options.HasPath => ResponseMembers.Found,
            Function.Get or Function.Put => ResponseMembers.None,
            Function.Delete => ResponseMembers.Found | ResponseMembers.Version,
            _ => ResponseMembers.Found | Meta,
        };
        return options.ReturnsOld ? members | ResponseMembers.Found | ResponseMembers.Old : members;
    }
}
