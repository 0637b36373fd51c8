use mofang_data::*;
use mofang_trees::*;
use std::sync::Arc;
fn auc(p:&[f64], y:&[usize])->f64{let mut o:Vec<usize>=(0..p.len()).collect();o.sort_by(|a,b|p[*a].total_cmp(&p[*b]));let mut r=0.0;let mut i=0;let mut pos=0.0;while i<o.len(){let mut j=i;while j<o.len()&&p[o[j]]==p[o[i]]{j+=1}let m=(i+1+j) as f64/2.0;for k in i..j{if y[o[k]]==1{r+=m;pos+=1.0}}i=j}let n=p.len() as f64;(r-pos*(pos+1.0)/2.0)/(pos*(n-pos))}
fn main(){
 for path in std::env::args().skip(1){
  let t:toml::Table=std::fs::read_to_string(&path).unwrap().parse().unwrap();
  let j:serde_json::Value=serde_json::to_value(&t).unwrap();
  let split:SplitSettings=serde_json::from_value(j["data"]["split"].clone()).unwrap();
  let store=DatasetStore::new("/tmp/tabdata".into(),Catalogue::builtin().unwrap());
  let d=store.load(j["data"]["dataset"].as_str().unwrap(),&split).unwrap();
  let pl=Pipeline::from_json(&j["pipeline"]).unwrap();
  let f=pl.fit(d.split(SplitName::Train).unwrap()).unwrap();
  let c=f.pipeline.compile(&d.labels).unwrap();
  println!("{path} {:?} {:?} removed {:?} twice {}",c.notes(),d.splits.iter().map(|(n,s)|(n.to_string(),s.len())).collect::<Vec<_>>(),d.cleaning.counts(),d.cleaning.rows_in_two_splits);
  let m=|s:&Arc<Split>|->(Vec<f32>,Vec<Target>){let mut v=vec![];for e in s.examples(){v.extend_from_slice(c.prepare(&e.input).unwrap().data())}(v,s.examples().iter().map(|e|e.target).collect())};
  let (nx,cats)=match c.input().unwrap(){mofang_types::ModelInput::Row{numbers,categories}=>(numbers,categories),_=>panic!()};
  let (tr,ty)=m(d.split(SplitName::Train).unwrap());let (va,vy)=m(d.split(SplitName::Validation).unwrap());let (te,tey)=m(d.split(SplitName::Test).unwrap());
  let isn=ty[0].number().is_some();
  let targets=if isn{Targets::Numbers(ty.iter().map(|t|c.encode(*t).number().unwrap()).collect())}else{Targets::Classes{labels:ty.iter().map(|t|t.class().unwrap()).collect(),count:d.labels.len()}};
  let st=Settings::from_config(&j["architecture"]["config"]).unwrap();
  let t0=std::time::Instant::now();
  let mut b=Booster::new(Rows{values:&tr,numbers:nx,categories:&cats},targets,vec![1.0;ty.len()],st,j["train"]["seed"].as_u64().unwrap()).unwrap();
  let score=|e:&Ensemble,x:&[f32],y:&[Target]|->(f64,f64){let o=e.predict(x).unwrap();if isn{let p:Vec<f64>=o.iter().map(|v|c.number_of(&[*v]).unwrap()).collect();let t:Vec<f64>=y.iter().map(|t|t.number().unwrap()).collect();let mean=t.iter().sum::<f64>()/t.len() as f64;let se:f64=p.iter().zip(&t).map(|(a,b)|(a-b).powi(2)).sum();let sp:f64=t.iter().map(|b|(b-mean).powi(2)).sum();(se/t.len() as f64,1.0-se/sp)}else{let p:Vec<f64>=o.chunks(2).map(|v|1.0/(1.0+(-(v[1]-v[0]) as f64).exp())).collect();let t:Vec<usize>=y.iter().map(|t|t.class().unwrap()).collect();let ll=-p.iter().zip(&t).map(|(p,t)|(if *t==1{*p}else{1.0-p}).max(1e-15).ln()).sum::<f64>()/p.len() as f64;(ll,auc(&p,&t))}};
  let (mut best,mut at)=(f64::INFINITY,0);let pat=j["train"]["stop"]["patience_epochs"].as_u64().unwrap() as usize;
  for _ in 0..j["train"]["stop"]["epochs"].as_u64().unwrap(){let it=b.step();let v=score(b.ensemble(),&va,&vy).0;if v<best{best=v;at=it.steps}if it.steps>=at+pat{break}}
  let e=b.ensemble().clone().truncated(at);
  println!("   best {at} valid {best:.4} test {:?} {:?}",score(&e,&te,&tey),t0.elapsed());
 }
}
