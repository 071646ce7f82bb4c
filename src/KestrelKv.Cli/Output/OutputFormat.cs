namespace KestrelKv.Cli.Output;

/// <summary>The form of the output.</summary>
internal enum OutputFormat
{
    /// <summary>For people: tables, and values with indentation.</summary>
    Table,

    /// <summary>One JSON document.</summary>
    Json,

    /// <summary>One JSON document for each result, each on a line.</summary>
    Ndjson,

    /// <summary>The exact bytes of values.</summary>
    Raw,
}
