//! Comparing two versions.

use mofang_registry::{Actor, PublishRequest};
use mofang_types::{Coded as _, ErrorCode, WEIGHTS_FILE};
use safetensors::tensor::{Dtype, TensorView};

use crate::support::{draft, open, reference, request};

fn version(values: &[f32], epochs: u32) -> PublishRequest {
    let bytes: Vec<u8> = values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    let view = TensorView::new(Dtype::F32, vec![values.len()], &bytes).expect("a tensor");
    let weights = safetensors::serialize([("fc.bias", view)], None).expect("weights");
    let mut draft = draft(1);
    draft.files.insert(WEIGHTS_FILE.to_owned(), weights);
    draft
        .manifest
        .metrics
        .insert("accuracy".to_owned(), f64::from(epochs) / 8.0);
    draft.manifest.provenance.recipe = Some(format!("[train]\nepochs = {epochs}\nseed = 1\n"));
    draft.manifest.pipeline = serde_json::json!({
        "transforms": [{ "type": "normalize", "mean": [f64::from(epochs) / 2.0] }],
        "decoders": [],
    });
    draft.manifest.architecture.config = serde_json::json!({ "width": epochs });
    PublishRequest::new("digits".parse().expect("a name"), draft, Actor::local())
}

#[tokio::test]
async fn two_versions_are_compared_in_every_part() {
    let folder = tempfile::tempdir().unwrap();
    let registry = open(folder.path()).await;
    registry.publish(version(&[3.0, 4.0], 2)).await.unwrap();
    registry.publish(version(&[3.0, 5.0], 4)).await.unwrap();
    let diff = registry
        .diff(&reference("digits@1"), &reference("digits"))
        .await
        .unwrap();
    assert_eq!(
        (diff.from.as_str(), diff.to.as_str()),
        ("digits@1", "digits@2")
    );
    assert_eq!(diff.metrics[0].difference, Some(0.25));
    let shown = |changes: &[mofang_registry::ValueChange]| -> Vec<String> {
        changes.iter().map(ToString::to_string).collect()
    };
    assert_eq!(shown(&diff.recipe), ["train.epochs: 2 → 4"]);
    assert_eq!(shown(&diff.pipeline), ["transforms[0].mean[0]: 1.0 → 2.0"]);
    assert_eq!(shown(&diff.architecture), ["config.width: 2 → 4"]);
    assert!(diff.labels.is_empty() && diff.data.is_empty());
    let weights = diff.weights.unwrap();
    let bias = &weights.tensors[0];
    assert_eq!((weights.identical, bias.name.as_str()), (false, "fc.bias"));
    let change = bias.relative_change.unwrap();
    assert!((change - 0.2).abs() < 1e-9, "{change}");
}

#[tokio::test]
async fn weights_that_are_none_cannot_be_compared() {
    let folder = tempfile::tempdir().unwrap();
    let registry = open(folder.path()).await;
    registry.publish(request(1, &[])).await.unwrap();
    registry.publish(version(&[1.0], 1)).await.unwrap();
    let error = registry
        .diff(&reference("digits@2"), &reference("digits@1"))
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::Conflict, "{error}");
    assert!(error.to_string().contains("\"digits@1\""), "{error}");
}
