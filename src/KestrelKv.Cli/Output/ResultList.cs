using KestrelKv.Cli.Hosting;

namespace KestrelKv.Cli.Output;

/// <summary>Writes the results of a command in the form that the user asked for, as they arrive.</summary>
/// <param name="session">The session.</param>
/// <param name="columns">The titles of the table.</param>
internal sealed class ResultList(Session session, params string[] columns)
{
    private readonly TextTable _table = new(session.Terminal.Output, columns, session.Columns, session.HasColors);
    private int _count;

    /// <summary>Adds a result. Only the function of the requested form is called.</summary>
    /// <param name="json">Returns the result as JSON on one line.</param>
    /// <param name="raw">Returns the bytes of the form <c>raw</c>, to which a line feed is added.</param>
    /// <param name="cells">Returns the cells of the table.</param>
    public void Add(Func<ReadOnlyMemory<byte>> json, Func<ReadOnlyMemory<byte>> raw, Func<string[]> cells)
    {
        switch (session.FormatOrDefault)
        {
            case OutputFormat.Table:
                _table.Add(cells());
                break;
            case OutputFormat.Json:
                session.Write(_count == 0 ? "["u8 : ",\n"u8);
                session.Write(json().Span);
                break;
            default:
                session.Write((session.FormatOrDefault == OutputFormat.Raw ? raw() : json()).Span);
                session.Write("\n"u8);
                break;
        }
        _count++;
    }

    /// <summary>Writes what is not written yet.</summary>
    public void End()
    {
        if (session.FormatOrDefault == OutputFormat.Table) _table.Write();
        else if (session.FormatOrDefault == OutputFormat.Json) session.Write(_count == 0 ? "[]\n"u8 : "]\n"u8);
    }
}
